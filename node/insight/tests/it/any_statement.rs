//! Fingerprints of whatever a server may tell as a statement.

use pga_insight::{
    FingerprintKind, absorbs, fingerprint, fingerprint_activity, fingerprint_all,
    fingerprint_statements, labels, token_text,
};
use proptest::prelude::*;

/// Statements that are cut and mixed.
const STATEMENTS: [&str; 8] = [
    "SELECT o.id, count(*) FROM s.orders o JOIN c ON c.id = o.c WHERE o.t > now() - '1 day'::interval AND o.x IN (1, 2) GROUP BY 1",
    "INSERT INTO t (a, b) VALUES (1, E'x\\'y'), (2, $$z$$) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
    "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r /*controller='a%20b'*/",
    "CREATE TABLE \"T\"\"x\" (id int PRIMARY KEY, doc jsonb CHECK (doc ? 'k')) PARTITION BY RANGE (id)",
    "DO $body$ BEGIN PERFORM f('ä'); END $body$",
    "ALTER ROLE app PASSWORD 'secret-of-app'",
    "SELECT U&'d\\0061t', x'1F', b'01', 1.5e-3, 0xFF, $1, a[1:2], (r).f FROM \"é\" -- end",
    "UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END WHERE (a, b) = (SELECT 1, 2) AND c @> '{}'",
];

/// A piece of some statement, at any character.
fn piece() -> impl Strategy<Value = String> {
    (
        0..STATEMENTS.len(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(which, from, to)| {
            let characters: Vec<char> = STATEMENTS[which].chars().collect();
            let (from, to) = (from.index(characters.len()), to.index(characters.len()));
            characters[from.min(to)..=from.max(to)].iter().collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_has_a_fingerprint(text in ".{0,200}") {
        let one = fingerprint(&text);
        prop_assert_eq!(&one, &fingerprint_all(&[&text])[0]);
        prop_assert!(!fingerprint_statements(&text).is_empty());
        prop_assert!(labels(&text).labels.len() <= 7);
    }

    #[test]
    fn pieces_of_statements_have_fingerprints(one in piece(), other in piece()) {
        let text = format!("{one}{other}");
        let told = fingerprint(&text);
        prop_assert_eq!(&told, &fingerprint(&text));
        let cut = fingerprint_activity(&text, text.len() + 1);
        prop_assert_eq!(cut.kind, told.kind);
    }

    #[test]
    fn a_cut_statement_is_absorbed_by_the_whole(
        which in 0..STATEMENTS.len(),
        at in any::<prop::sample::Index>(),
    ) {
        let whole = STATEMENTS[which];
        let cut = &whole[..whole.floor_char_boundary(at.index(whole.len()))];
        let told = fingerprint_activity(cut, cut.len() + 1);
        if told.kind == FingerprintKind::Tokens {
            prop_assert!(absorbs(&token_text(whole), &told.normalized), "{}", told.normalized);
        }
    }

    #[test]
    fn a_normalised_text_does_not_change(text in piece()) {
        let once = token_text(&text);
        prop_assert_eq!(&token_text(&once), &once);
    }
}
