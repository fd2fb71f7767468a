//! Plans that are too large to send whole, cut so that a reader sees it.
//!
//! A plan of thousands of nodes (a table of many partitions) says in its upper nodes what it does.
//! So what is deepest goes first. The node above says how many nodes are left out.

use serde_json::{Map, Value, json};

/// Most that a plan takes, in bytes.
pub(super) const MAX_BYTES: usize = 256 << 10;
/// Of a plan that is cut, texts and lists are no longer than this: characters, and items.
const LONGEST: (usize, usize) = (1_000, 100);
/// What a node says of those below it.
const LEFT_OUT: &str = "Nodes Left Out";

/// The plan in at most [`MAX_BYTES`], and whether something was cut; `None` if there is no way.
pub(super) fn bounded(plan: &Value) -> Option<(Value, bool)> {
    match plan {
        Value::String(text) if text.len() > MAX_BYTES => Some((json!(first_lines(text)), true)),
        Value::String(_) => Some((plan.clone(), false)),
        document if fits(document) => Some((document.clone(), false)),
        document => deepest(document).map(|cut| (cut, true)),
    }
}

fn fits(document: &Value) -> bool {
    document.to_string().len() <= MAX_BYTES
}

/// With as many levels as fit.
fn deepest(document: &Value) -> Option<Value> {
    let (mut fitting, mut most) = (None, height(document));
    let mut least = 0;
    while least <= most {
        let levels = least.midpoint(most);
        let cut = cut(document, levels);
        if fits(&cut) {
            least = levels + 1;
            fitting = Some(cut);
        } else if levels == 0 {
            break;
        } else {
            most = levels - 1;
        }
    }
    fitting
}

/// How many levels of nodes there are below.
fn height(value: &Value) -> usize {
    let above = children(value).map(|child| 1 + height(child)).max();
    let plan = value.get("Plan").map(height);
    above.max(plan).unwrap_or(0)
}

fn nodes(value: &Value) -> usize {
    children(value).map(|child| 1 + nodes(child)).sum()
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    value["Plans"].as_array().into_iter().flatten()
}

/// The node, or the document around the first one, with so many levels below it.
fn cut(value: &Value, levels: usize) -> Value {
    let mut out = Map::new();
    for (name, member) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "Plan" => out.insert(name.clone(), cut(member, levels)),
            "Plans" if levels == 0 => out.insert(LEFT_OUT.to_owned(), nodes(value).into()),
            "Plans" => {
                let below = children(value).map(|child| cut(child, levels - 1));
                out.insert(name.clone(), below.collect())
            }
            _ => out.insert(name.clone(), short(member)),
        };
    }
    Value::Object(out)
}

fn short(value: &Value) -> Value {
    let (characters, items) = LONGEST;
    match value {
        Value::String(text) if text.chars().nth(characters).is_some() => {
            let head: String = text.chars().take(characters).collect();
            json!(head + " …")
        }
        Value::Array(all) => all.iter().take(items).map(short).collect(),
        other => other.clone(),
    }
}

/// Whole lines from the begin, and how many more there are.
fn first_lines(text: &str) -> String {
    /// Room for the last line.
    const ROOM: usize = 64;
    let mut kept = 0;
    for line in text.split_inclusive('\n') {
        if kept + line.len() > MAX_BYTES - ROOM {
            break;
        }
        kept += line.len();
    }
    let (head, rest) = text.split_at_checked(kept).unwrap_or((text, ""));
    format!("{head}({} lines left out)", rest.lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(filter: &str, below: Vec<Value>) -> Value {
        json!({ "Node Type": "Append", "Filter": filter, "Plans": below })
    }

    fn size(plan: &Value) -> usize {
        plan.to_string().len()
    }

    #[test]
    fn the_deepest_nodes_go_first_and_are_counted() {
        let leaf = || json!({ "Node Type": "Seq Scan", "Filter": "x".repeat(500) });
        let middle = || node("m", (0..50).map(|_| leaf()).collect());
        let plan = json!({ "Query Text": "SELECT 1", "Plan": node("r", (0..20).map(|_| middle()).collect()) });
        assert!(size(&plan) > MAX_BYTES);
        let (cut, is_cut) = bounded(&plan).unwrap();
        assert!(is_cut && size(&cut) <= MAX_BYTES);
        assert_eq!(cut["Query Text"], "SELECT 1");
        let upper = cut["Plan"]["Plans"].as_array().unwrap();
        assert_eq!(upper.len(), 20);
        assert!(upper.iter().all(|node| node[LEFT_OUT] == 50));
        let small = json!({ "Plan": middle() });
        assert_eq!(bounded(&small).unwrap(), (small, false));
    }

    #[test]
    fn wide_nodes_and_long_texts_are_cut_too() {
        let columns: Vec<String> = (0..5_000).map(|n| format!("column_{n}")).collect();
        let wide = json!({ "Plan": { "Node Type": "Seq Scan", "Output": columns,
            "Filter": "ä".repeat(MAX_BYTES), "Plan Rows": 5 } });
        let (cut, is_cut) = bounded(&wide).unwrap();
        assert!(is_cut && size(&cut) < 10_000);
        assert_eq!(cut["Plan"]["Plan Rows"], 5);
        assert_eq!(cut["Plan"]["Output"].as_array().unwrap().len(), 100);
    }

    #[test]
    fn a_text_ends_with_how_many_lines_are_left_out() {
        let line = format!(
            "  ->  Seq Scan on t  (cost=0..1 rows=5 width=4) {}\n",
            "ü".repeat(200)
        );
        let text = line.repeat(2_000);
        let (cut, is_cut) = bounded(&json!(text)).unwrap();
        let cut = cut.as_str().unwrap();
        assert!(is_cut && cut.len() <= MAX_BYTES);
        let kept = cut.lines().count() - 1;
        assert!(cut.ends_with(&format!("({} lines left out)", 2_000 - kept)));
        let (one, _) = bounded(&json!("x".repeat(MAX_BYTES + 1))).unwrap();
        assert_eq!(one, "(1 lines left out)");
    }
}
