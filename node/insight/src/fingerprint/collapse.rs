//! Lists of placeholders become one placeholder, so that their length does not matter.

/// Shortens `( ? , ? )` to `( ? )` and the rows after VALUES to one. What a cut leaves open at the
/// end is shortened too, so that it stays the start of the whole text.
pub(super) fn collapse(tokens: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(tokens.len());
    let mut pending = tokens.into_iter().peekable();
    while let Some(token) = pending.next() {
        let in_list = ends_with(&out, &["(", "?"]);
        if token == "," && in_list && pending.peek().is_none_or(|next| next == "?") {
            pending.next();
            continue;
        }
        out.push(token);
        drop_repeated_row(&mut out);
    }
    drop_open_row(&mut out);
    out
}

/// Drops `, ( ? )` after `values ( ? )`.
fn drop_repeated_row(out: &mut Vec<String>) {
    if ends_with(out, &["values", "(", "?", ")", ",", "(", "?", ")"]) {
        out.truncate(out.len() - 4);
    }
}

/// Drops a start of a further row at the end of a cut text.
fn drop_open_row(out: &mut Vec<String>) {
    let row = ["values", "(", "?", ")"];
    for open in [&[",", "(", "?"][..], &[",", "("], &[","]] {
        let pattern: Vec<&str> = row.iter().chain(open).copied().collect();
        if ends_with(out, &pattern) {
            out.truncate(out.len() - open.len());
        }
    }
}

fn ends_with(tokens: &[String], pattern: &[&str]) -> bool {
    let from = tokens.len().checked_sub(pattern.len());
    from.and_then(|from| tokens.get(from..))
        .is_some_and(|tail| tail == pattern)
}
