//! Which answers a route has beside its success: every status that it may give, so that one which
//! is not told is a defect.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::route::{Access, Content, Handler, Route};
use super::super::shape::Shape;
use super::content;

/// A refusal: status, name of the component, meaning.
const REFUSALS: [(u16, &str, &str); 11] = [
    (
        400,
        "BadRequest",
        "The request cannot be understood, or a value of it is wrong.",
    ),
    (401, "Unauthorized", "Credentials are missing or wrong."),
    (403, "Forbidden", "Who asks may not do this."),
    (404, "NotFound", "There is nothing by that name."),
    (408, "RequestTimeout", "The body arrived too slowly."),
    (409, "Conflict", "What is there already does not allow it."),
    (413, "ContentTooLarge", "A limit is exceeded."),
    (
        415,
        "UnsupportedMediaType",
        "The body is in no form that is known here.",
    ),
    (
        422,
        "UnprocessableContent",
        "The body can be read, and what it says cannot be stored.",
    ),
    (429, "TooManyRequests", "This client asked too often."),
    (
        503,
        "ServiceUnavailable",
        "The node cannot do it now; a change may still have happened.",
    ),
];

/// `components.responses`: the refusals, all of one shape.
pub(super) fn components() -> Value {
    let named = REFUSALS.iter().map(|(status, name, meaning)| {
        let mut response = json!({
            "description": meaning,
            "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Error" },
            } },
        });
        if matches!(status, 429 | 503) {
            response["headers"] = retry_after();
        }
        ((*name).to_owned(), response)
    });
    named.collect::<Map<_, _>>().into()
}

fn retry_after() -> Value {
    json!({ "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": true,
        "schema": Shape::Integer.schema(),
    } })
}

/// The responses of `route`.
pub(super) fn of(route: &Route) -> Value {
    let mut responses = Map::new();
    let done = json!({ "description": "Done.", "content": content(route.answer) });
    responses.insert(route.success.to_string(), done);
    if route.has_tag {
        let known = json!({ "description": "What `If-None-Match` names is still so." });
        responses.insert("304".to_owned(), known);
    }
    for status in statuses(route) {
        let named = REFUSALS.iter().find(|(known, ..)| *known == status);
        if let Some((_, name, _)) = named {
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            responses.insert(status.to_string(), reference);
        }
    }
    if !matches!(route.unavailable, Content::Nothing) {
        let degraded = json!({
            "description": "The same of a node that cannot do its work now.",
            "content": content(route.unavailable),
            "headers": retry_after(),
        });
        responses.insert("503".to_owned(), degraded);
    }
    responses.into()
}

/// The statuses of refusals.
fn statuses(route: &Route) -> BTreeSet<u16> {
    let mut statuses: BTreeSet<u16> = route.also.iter().copied().collect();
    if matches!(route.handler, Handler::WithBody(_)) {
        statuses.extend([400, 408, 413, 503]);
    }
    let is_open = matches!(route.access, Access::Anyone);
    let has_arguments = route.path.contains('{') || !route.query.is_empty();
    if has_arguments && !is_open {
        statuses.insert(400);
    }
    if route.path.contains('{') && !is_open {
        statuses.insert(404);
    }
    statuses.extend(of_access(route.access));
    let is_by_users = matches!(route.access, Access::Viewer | Access::User | Access::Admin);
    if route.method != "GET" && is_by_users {
        statuses.insert(409);
    }
    statuses
}

/// What comes of telling who asks, and of reading or changing the cluster's state.
fn of_access(access: Access) -> &'static [u16] {
    match access {
        Access::Anyone => &[],
        Access::Credentials => &[401, 429, 503],
        Access::Caller => &[403, 503],
        Access::Collector => &[401, 403, 409, 429, 503],
        Access::ViewerUnlessOpen | Access::Viewer | Access::User | Access::Admin => {
            &[401, 403, 503]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Route = Route::get("/list", "list", Access::Viewer);

    #[test]
    fn a_route_tells_the_statuses_that_it_can_give() {
        let handler = Handler::WithBody(|_, _| Box::pin(async { Ok(Default::default()) }));
        let change = Route::put("/list/{id}", "item", Access::Admin).does("Changes.", handler);
        for (name, route, want) in [
            (
                "page",
                Route::get("/list/{id}", "page", Access::Anyone),
                &[][..],
            ),
            ("list", LIST, &[401, 403, 503]),
            (
                "one",
                Route::get("/list/{id}", "item", Access::Viewer),
                &[400, 401, 403, 404, 503],
            ),
            ("also", LIST.may(&[404]), &[401, 403, 404, 503]),
            ("change", change, &[400, 401, 403, 404, 408, 409, 413, 503]),
        ] {
            let have: Vec<u16> = statuses(&route).into_iter().collect();
            assert_eq!(have, want, "{name}");
        }
    }

    #[test]
    fn every_status_that_a_route_adds_has_a_meaning() {
        for route in crate::routes::routes() {
            for status in statuses(route) {
                assert!(
                    REFUSALS.iter().any(|(known, ..)| *known == status),
                    "{route:?}"
                );
            }
        }
    }
}
