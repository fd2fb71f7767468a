//! Tokens of SQL as PostgreSQL's scanner separates them, for texts that must be whole: whatever is
//! left open, or is no SQL, ends them, since a value could hide in it.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `'…'`, `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `$tag$…$tag$`, or a number.
    Literal,
    /// `-- …` or `/* … */`, nested.
    Comment,
    /// `$1`.
    Parameter,
    /// Names, operators, space.
    Other,
}

/// Whether `"…"` is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// As in SQL.
    Names,
    /// No: the text is prose that quotes SQL.
    Prose,
}

/// Separates a text into tokens; joined they are the whole. `None` if the text does not lex.
pub(super) fn lex(text: &str, quotes: Quotes) -> Option<Vec<(Kind, &str)>> {
    let (tokens, rest) = lex_start(text, quotes);
    rest.is_empty().then_some(tokens)
}

/// The tokens that a text starts with, and the rest, from what does not lex.
pub(super) fn lex_start(text: &str, quotes: Quotes) -> (Vec<(Kind, &str)>, &str) {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token = next(rest, first, quotes)
            .and_then(|(kind, length)| Some((kind, rest.split_at_checked(length)?)));
        let Some((kind, (token, behind))) = token else {
            break;
        };
        tokens.push((kind, token));
        rest = behind;
    }
    (tokens, rest)
}

fn next(rest: &str, first: char, quotes: Quotes) -> Option<(Kind, usize)> {
    Some(match first {
        '\'' => (Kind::Literal, quoted(rest, 1, '\'', false)?),
        '"' if quotes == Quotes::Names => (Kind::Other, quoted(rest, 1, '"', false)?),
        '-' if rest.starts_with("--") => (Kind::Comment, run(rest, |c| c != '\n')),
        '/' if rest.starts_with("/*") => (Kind::Comment, block_comment(rest)?),
        '$' => dollar(rest)?,
        // No operator and no name has one: the server takes strings with backslashes.
        '\\' if quotes == Quotes::Names => return None,
        c if c.is_ascii_digit() => (Kind::Literal, number(rest)),
        '.' if second(rest).is_some_and(|c| c.is_ascii_digit()) => (Kind::Literal, number(rest)),
        c if starts_name(c) => prefixed(rest, quotes)?,
        c => (Kind::Other, c.len_utf8()),
    })
}

/// A name, or a literal or quoted name whose prefix looks like one.
fn prefixed(rest: &str, quotes: Quotes) -> Option<(Kind, usize)> {
    let mut letters = rest.chars();
    match (
        letters.next()?.to_ascii_lowercase(),
        letters.next(),
        letters.next(),
    ) {
        ('e', Some('\''), _) => Some((Kind::Literal, quoted(rest, 2, '\'', true)?)),
        ('b' | 'x' | 'n', Some('\''), _) => Some((Kind::Literal, quoted(rest, 2, '\'', false)?)),
        ('u', Some('&'), Some('\'')) => Some((Kind::Literal, quoted(rest, 3, '\'', false)?)),
        ('u', Some('&'), Some('"')) if quotes == Quotes::Names => {
            Some((Kind::Other, quoted(rest, 3, '"', false)?))
        }
        _ => Some((Kind::Other, run(rest, continues_name))),
    }
}

/// `$1`, `$tag$…$tag$`, or a lone dollar.
fn dollar(rest: &str) -> Option<(Kind, usize)> {
    let behind = rest.get(1..)?;
    let digits = run(behind, |c| c.is_ascii_digit());
    if digits > 0 {
        return Some((Kind::Parameter, 1 + digits));
    }
    let tag = run(behind, |c| continues_name(c) && c != '$');
    if !behind.get(tag..)?.starts_with('$') {
        return Some((Kind::Other, 1));
    }
    let (fence, body) = rest.split_at_checked(tag + 2)?;
    Some((Kind::Literal, body.find(fence)? + 2 * fence.len()))
}

/// Length of a quoted token whose body starts at `from`; a doubled quote does not end it.
fn quoted(rest: &str, from: usize, quote: char, has_escapes: bool) -> Option<usize> {
    let mut characters = rest.get(from..)?.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if has_escapes && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(from + at + c.len_utf8());
        }
    }
    None
}

/// Length of a block comment; they nest.
fn block_comment(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut characters = rest.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == '/' && characters.next_if(|(_, next)| *next == '*').is_some() {
            depth += 1;
        } else if c == '*' && characters.next_if(|(_, next)| *next == '/').is_some() {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at + 2);
            }
        }
    }
    None
}

/// Length of a number: digits of any base, a point, an exponent with its sign.
fn number(rest: &str) -> usize {
    let mut previous = '0';
    let is_hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let length = rest.find(|c: char| {
        let is_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !is_hexadecimal;
        previous = c;
        !(is_sign || c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
    });
    length.unwrap_or(rest.len())
}

/// Length in bytes of the longest start whose characters all are `of`.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
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
