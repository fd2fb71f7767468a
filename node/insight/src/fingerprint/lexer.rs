//! Words of SQL as PostgreSQL's scanner separates them, for texts that need not be whole.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// White space.
    Space,
    /// `-- …` or `/* … */`, nested.
    Comment,
    /// `'…'`, `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `$tag$…$tag$`.
    Literal,
    /// A number.
    Number,
    /// `$1` or `?`.
    Parameter,
    /// `"…"`, `U&"…"`.
    QuotedName,
    /// A keyword or a bare name.
    Name,
    /// Anything else: one character, or the two of `::`.
    Other,
}

/// One token and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Its text; the texts of all tokens joined are the whole.
    pub(super) text: &'a str,
}

/// Separates a text into tokens. What is not closed reaches to the end.
pub(super) fn lex(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next(rest, first);
        let Some((text, after)) = rest.split_at_checked(length.max(first.len_utf8())) else {
            tokens.push(Token { kind, text: rest });
            break;
        };
        tokens.push(Token { kind, text });
        rest = after;
    }
    tokens
}

/// Kind and length in bytes of the token that `rest` starts with.
fn next(rest: &str, first: char) -> (TokenKind, usize) {
    match first {
        c if c.is_whitespace() => (TokenKind::Space, run(rest, char::is_whitespace)),
        '-' if rest.starts_with("--") => (TokenKind::Comment, run(rest, |c| c != '\n')),
        '/' if rest.starts_with("/*") => (TokenKind::Comment, block_comment(rest)),
        '\'' => (TokenKind::Literal, quoted(rest, 1, '\'', false)),
        '"' => (TokenKind::QuotedName, quoted(rest, 1, '"', false)),
        '$' => dollar(rest),
        '?' => (TokenKind::Parameter, 1),
        ':' if rest.starts_with("::") => (TokenKind::Other, 2),
        c if c.is_ascii_digit() => (TokenKind::Number, number(rest)),
        '.' if second(rest).is_some_and(|c| c.is_ascii_digit()) => {
            (TokenKind::Number, number(rest))
        }
        c if starts_name(c) => prefixed(rest, c),
        c => (TokenKind::Other, c.len_utf8()),
    }
}

/// A name, or a literal or quoted name whose prefix looks like one.
fn prefixed(rest: &str, first: char) -> (TokenKind, usize) {
    let quote = second(rest);
    match first {
        'e' | 'E' if quote == Some('\'') => (TokenKind::Literal, quoted(rest, 2, '\'', true)),
        'b' | 'B' | 'x' | 'X' | 'n' | 'N' if quote == Some('\'') => {
            (TokenKind::Literal, quoted(rest, 2, '\'', false))
        }
        'u' | 'U' if quote == Some('&') => match rest.chars().nth(2) {
            Some('\'') => (TokenKind::Literal, quoted(rest, 3, '\'', false)),
            Some('"') => (TokenKind::QuotedName, quoted(rest, 3, '"', false)),
            None => (TokenKind::Literal, 2),
            _ => (TokenKind::Name, 1),
        },
        _ => (TokenKind::Name, run(rest, continues_name)),
    }
}

/// `$1`, `$tag$…$tag$` or what a cut leaves of it, or a lone dollar.
fn dollar(rest: &str) -> (TokenKind, usize) {
    let after = rest.strip_prefix('$').unwrap_or_default();
    let digits = run(after, |c| c.is_ascii_digit());
    if digits > 0 {
        return (TokenKind::Parameter, 1 + digits);
    }
    let tag = run(after, |c| continues_name(c) && c != '$');
    if tag > 0 && tag == after.len() {
        return (TokenKind::Literal, rest.len());
    }
    if after
        .chars()
        .nth(after.get(..tag).map_or(0, |t| t.chars().count()))
        != Some('$')
    {
        return (TokenKind::Other, 1);
    }
    let fence = rest.get(..tag + 2).unwrap_or(rest);
    let body = rest.get(tag + 2..).unwrap_or_default();
    let end = body
        .find(fence)
        .map_or(rest.len(), |at| at + 2 * fence.len());
    (TokenKind::Literal, end)
}

/// Length of a quoted token whose body starts at `from`; a doubled quote does not end it.
fn quoted(rest: &str, from: usize, quote: char, backslash: bool) -> usize {
    let mut characters = rest
        .char_indices()
        .skip_while(|(at, _)| *at < from)
        .peekable();
    while let Some((at, c)) = characters.next() {
        if backslash && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

/// Length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut characters = rest.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == '/' && characters.next_if(|(_, next)| *next == '*').is_some() {
            depth += 1;
        } else if c == '*' && characters.next_if(|(_, next)| *next == '/').is_some() {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    rest.len()
}

/// Length of a number: digits of any base, a point, an exponent with its sign.
fn number(rest: &str) -> usize {
    let mut previous = '0';
    let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    run(rest, |c| {
        let sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !hexadecimal;
        previous = c;
        sign || c.is_ascii_alphanumeric() || matches!(c, '.' | '_')
    })
}

/// Length in bytes of the longest start of `text` whose characters all are `of`.
fn run(text: &str, mut of: impl FnMut(char) -> bool) -> usize {
    text.char_indices()
        .find(|(_, c)| !of(*c))
        .map_or(text.len(), |(at, _)| at)
}

fn second(text: &str) -> Option<char> {
    text.chars().nth(1)
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit() || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_scanner() {
        use TokenKind::*;
        let cases: &[(&str, &[TokenKind])] = &[
            ("a.b", &[Name, Other, Name]),
            ("'it''s'1", &[Literal, Number]),
            (r"E'a\'b'x", &[Literal, Name]),
            ("$$a$b$$ $1", &[Literal, Space, Parameter]),
            ("$t$a$$b$t$;", &[Literal, Other]),
            ("/* a /* b */ c */1.5e-3", &[Comment, Number]),
            ("-- x\n\"Na\"\"me\"", &[Comment, Space, QuotedName]),
            ("x::int", &[Name, Other, Name]),
            ("'open", &[Literal]),
            ("$tag", &[Literal]),
            ("U&", &[Literal]),
            ("/* open", &[Comment]),
            ("übér$1", &[Name]),
        ];
        for (sql, want) in cases {
            let got: Vec<TokenKind> = lex(sql).iter().map(|token| token.kind).collect();
            assert_eq!(&got, want, "{sql}");
        }
    }

    #[test]
    fn the_texts_of_all_tokens_are_the_whole() {
        for sql in [
            "SELECT 'ä' || $x$é$x$ /* ☃",
            "1..2",
            "U&'x' U&\"y\" u&z",
            "$",
            "é$é$",
        ] {
            let joined: String = lex(sql).iter().map(|token| token.text).collect();
            assert_eq!(joined, sql);
        }
    }
}
