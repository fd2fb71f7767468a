//! What the documents say of the routes.

use pga_web::routes;

#[test]
fn the_readme_lists_every_route_that_is_not_built_and_no_other() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("- `"))
        .filter_map(|line| line.strip_suffix('`'))
        .filter(|route| route.contains(" /api/"))
        .collect();
    let unbuilt: Vec<String> = routes()
        .filter(|route| !route.is_built())
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(listed, unbuilt);
}
