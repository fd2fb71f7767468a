//! Errors for people.

use std::error::Error;

/// An error with its causes, from the outermost in, `: ` between them. A cause that the text says
/// already is not said again.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Step(&'static str, Option<Box<Step>>);

    impl std::fmt::Display for Step {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Step {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|step| step as &(dyn Error + 'static))
        }
    }

    #[test]
    fn causes_follow_and_none_is_said_twice() {
        let last = Step("no such host", None);
        let middle = Step("dns: no such host", Some(Box::new(last)));
        let error = Step("cannot connect", Some(Box::new(middle)));
        assert_eq!(error_chain(&error), "cannot connect: dns: no such host");
        assert_eq!(error_chain(&io::Error::other("full")), "full");
    }
}
