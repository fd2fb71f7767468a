//! One recommendation: the strongest of its findings, with the others as evidence.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Related recommendations that are named.
const RELATED: usize = 5;

fn rank(row: &Value) -> f64 {
    row["rank_score"].as_f64().unwrap_or(0.0)
}

/// What matters most first; of equal rank what is for statements that take more, then what is
/// surer.
pub(super) fn order(rows: &mut [Value]) {
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap_or(0.0);
    rows.sort_by(|one, other| {
        let by = |name: &str| number(other, name).total_cmp(&number(one, name));
        let by_rank = rank(other).total_cmp(&rank(one));
        by_rank
            .then_with(|| by("urgency_score"))
            .then_with(|| by("confidence_score"))
    });
}

/// Makes one recommendation of findings about one subject; nothing of none. What each of them would
/// save is not added up: most of it is the same time.
pub(super) fn fold(mut rows: Vec<Value>) -> Option<Value> {
    order(&mut rows);
    let mut first = rows.first()?.clone();
    let texts = |name: &str| -> Vec<String> {
        let all = rows.iter().filter_map(|row| row[name].as_str());
        let all: BTreeSet<&str> = all.filter(|text| !text.is_empty()).collect();
        all.into_iter().map(str::to_owned).collect()
    };
    let evidence = rows.iter().map(|row| {
        json!({
            "source_type": row["source_type"],
            "source_id": row["source_id"],
            "rule": row["rule"],
            "collector_id": row["collector_id"],
            "text": row["recommendation_text"],
            "suggested_rewrite": row["suggested_rewrite"],
            "explanation": row["detailed_explanation"],
            "confidence_score": row["confidence_score"],
            "saved_seconds_per_day": row["saved_seconds_per_day"],
        })
    });
    first["evidence"] = evidence.collect();
    first["source_types"] = json!(texts("source_type"));
    first["collector_ids"] = json!(texts("collector_id"));
    let hashes = rows.iter().filter_map(|row| row["query_hashes"].as_array());
    let hashes: BTreeSet<i64> = hashes.flatten().filter_map(Value::as_i64).collect();
    first["query_hashes"] = json!(hashes);
    Some(first)
}

/// Names for each recommendation those that are for one of the same statements: what helps one may
/// make the other needless.
pub(super) fn relate(rows: &mut [Value]) {
    let of = |row: &Value| -> (Value, BTreeSet<i64>) {
        let hashes = row["query_hashes"].as_array().into_iter().flatten();
        (
            row["id"].clone(),
            hashes.filter_map(Value::as_i64).collect(),
        )
    };
    let all: Vec<(Value, BTreeSet<i64>)> = rows.iter().map(of).collect();
    for (place, row) in rows.iter_mut().enumerate() {
        let Some((_, own)) = all.get(place) else {
            continue;
        };
        let others = all.iter().enumerate().filter(|(other, _)| *other != place);
        let same = others.filter(|(_, (_, hashes))| !own.is_disjoint(hashes));
        let ids: Vec<&Value> = same.map(|(_, (id, _))| id).take(RELATED).collect();
        row["related"] = json!(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, rank: f64, source: &str, hash: i64) -> Value {
        json!({ "id": id, "source_id": id, "rank_score": rank, "confidence_score": 0.5,
            "source_type": source, "collector_id": format!("db-{id}"), "query_hashes": [hash],
            "recommendation_text": format!("do {id}"), "saved_seconds_per_day": rank })
    }

    #[test]
    fn the_strongest_finding_stands_for_all_and_nothing_is_counted_twice() {
        let rows = vec![row(1, 3.0, "rewrite", 7), row(2, 9.0, "parameter", 7)];
        let entry = fold(rows).unwrap();
        assert_eq!(
            (&entry["id"], &entry["saved_seconds_per_day"]),
            (&json!(2), &json!(9.0))
        );
        assert_eq!(entry["source_types"], json!(["parameter", "rewrite"]));
        assert_eq!(entry["collector_ids"], json!(["db-1", "db-2"]));
        let told: Vec<&Value> = entry["evidence"].as_array().unwrap().iter().collect();
        assert_eq!((told.len(), &told[1]["text"]), (2, &json!("do 1")));
        assert_eq!(fold(Vec::new()), None);
    }

    #[test]
    fn recommendations_for_one_statement_name_each_other() {
        let mut rows: Vec<Value> = [(1, 7), (2, 8), (3, 7)]
            .into_iter()
            .filter_map(|(id, hash)| fold(vec![row(id, 1.0, "index", hash)]))
            .collect();
        relate(&mut rows);
        let related: Vec<&Value> = rows.iter().map(|row| &row["related"]).collect();
        assert_eq!(related, [&json!([3]), &json!([]), &json!([1])]);
    }
}
