//! Films, who plays in them and who makes them, as the Join Order Benchmark has them on data of
//! IMDB: skewed, and joined along keys that have no index on the far side.

use super::workload::{Draw, Template, Workload};

const COUNTRY: Draw = Draw::OneOf(&["[us]", "[de]", "[fr]", "[se]", "[jp]"]);
const GENRE: Draw = Draw::OneOf(&["Drama", "Horror", "Western", "Comedy", "Sci-Fi"]);

pub(super) const FILMS: Workload = Workload {
    name: "films",
    title: "like the Join Order Benchmark",
    tables: &[
        "CREATE TABLE title(id int PRIMARY KEY, title text NOT NULL, kind_id int NOT NULL, production_year int)",
        "CREATE TABLE name(id int PRIMARY KEY, name text NOT NULL, gender char(1))",
        "CREATE TABLE company_name(id int PRIMARY KEY, name text NOT NULL, country_code text)",
        "CREATE TABLE keyword(id int PRIMARY KEY, keyword text NOT NULL)",
        "CREATE TABLE cast_info(id int PRIMARY KEY, person_id int NOT NULL, movie_id int NOT NULL, role_id int NOT NULL, note text)",
        "CREATE TABLE movie_companies(id int PRIMARY KEY, movie_id int NOT NULL, company_id int NOT NULL, company_type_id int NOT NULL, note text)",
        "CREATE TABLE movie_keyword(id int PRIMARY KEY, movie_id int NOT NULL, keyword_id int NOT NULL)",
        "CREATE TABLE movie_info(id int PRIMARY KEY, movie_id int NOT NULL, info_type_id int NOT NULL, info text NOT NULL)",
        "INSERT INTO title SELECT g, 'Film ' || g || repeat('t', 100), 1 + floor(random() * random() * 7)::int, 2015 - floor(power(random(), 3) * 110)::int FROM generate_series(1, 60000) g",
        "INSERT INTO name SELECT g, 'Person ' || g || repeat('n', 50), CASE WHEN random() < 0.6 THEN 'm' ELSE 'f' END FROM generate_series(1, 100000) g",
        "INSERT INTO company_name SELECT g, 'Company ' || g, CASE WHEN random() < 0.5 THEN '[us]' ELSE (ARRAY['[de]', '[fr]', '[gb]', '[se]', '[jp]', '[it]', '[ru]'])[1 + floor(random() * 7)::int] END FROM generate_series(1, 10000) g",
        "INSERT INTO keyword SELECT g, 'keyword-' || g FROM generate_series(1, 5000) g",
        "INSERT INTO cast_info SELECT g, 1 + floor(power(random(), 2) * 100000)::int, 1 + floor(power(random(), 1.5) * 60000)::int, 1 + floor(random() * 11)::int, CASE WHEN random() < 0.3 THEN '(voice)' END FROM generate_series(1, 300000) g",
        "INSERT INTO movie_companies SELECT g, 1 + floor(random() * 60000)::int, 1 + floor(power(random(), 3) * 10000)::int, 1 + floor(random() * 2)::int, CASE WHEN random() < 0.1 THEN '(co-production)' ELSE repeat('m', 50) END FROM generate_series(1, 100000) g",
        "INSERT INTO movie_keyword SELECT g, 1 + floor(random() * 60000)::int, 1 + floor(power(random(), 3) * 5000)::int FROM generate_series(1, 250000) g",
        "INSERT INTO movie_info SELECT g, 1 + floor(random() * 60000)::int, 1 + floor(random() * 40)::int, CASE WHEN random() < 0.2 THEN (ARRAY['Drama', 'Drama', 'Drama', 'Comedy', 'Comedy', 'Horror', 'Western', 'Sci-Fi'])[1 + floor(random() * 8)::int] ELSE repeat('i', 40) || g END FROM generate_series(1, 200000) g",
    ],
    columns: &[
        ("title", &["kind_id", "production_year"]),
        ("name", &["name", "gender"]),
        ("company_name", &["country_code", "name"]),
        ("keyword", &["keyword"]),
        ("cast_info", &["person_id", "movie_id", "role_id", "note"]),
        (
            "movie_companies",
            &["movie_id", "company_id", "company_type_id", "note"],
        ),
        ("movie_keyword", &["movie_id", "keyword_id"]),
        ("movie_info", &["movie_id", "info_type_id", "info"]),
    ],
    templates: &[
        Template {
            text: "SELECT min(t.title), min(t.production_year) FROM company_name c, movie_companies mc, title t WHERE c.id = mc.company_id AND t.id = mc.movie_id AND c.country_code = '{country}' AND mc.note = '(co-production)' AND t.production_year BETWEEN {back} + 1920 AND {back} + 1922",
            values: &[("country", COUNTRY), ("back", Draw::UpTo(90))],
        },
        Template {
            text: "SELECT min(t.title) FROM keyword k, movie_keyword mk, title t WHERE k.id = mk.keyword_id AND t.id = mk.movie_id AND k.keyword = 'keyword-{keyword}' AND t.production_year > 1990",
            values: &[("keyword", Draw::UpTo(5_000))],
        },
        Template {
            text: "SELECT min(n.name), min(t.title) FROM cast_info ci, name n, title t, movie_keyword mk, keyword k WHERE ci.movie_id = t.id AND n.id = ci.person_id AND mk.movie_id = t.id AND k.id = mk.keyword_id AND k.keyword = 'keyword-{keyword}' AND ci.note = '(voice)' AND n.gender = 'f'",
            values: &[("keyword", Draw::UpTo(5_000))],
        },
        Template {
            text: "SELECT min(t.title) FROM title t, movie_info mi, movie_companies mc WHERE t.id = mi.movie_id AND t.id = mc.movie_id AND mi.info = '{genre}' AND mi.info_type_id = {kind} AND mc.note = '(co-production)'",
            values: &[("genre", GENRE), ("kind", Draw::UpTo(40))],
        },
        Template {
            text: "SELECT t.title, ci.role_id FROM cast_info ci, title t WHERE ci.movie_id = t.id AND ci.person_id = {person}",
            values: &[("person", Draw::UpTo(100_000))],
        },
        Template {
            text: "SELECT n.name, ci.role_id FROM cast_info ci, name n WHERE n.id = ci.person_id AND ci.movie_id = {film}",
            values: &[("film", Draw::UpTo(60_000))],
        },
        Template {
            text: "SELECT mi.info FROM movie_info mi WHERE mi.movie_id = {film} AND mi.info_type_id = {kind}",
            values: &[("film", Draw::UpTo(60_000)), ("kind", Draw::UpTo(40))],
        },
        Template {
            text: "SELECT k.keyword FROM movie_keyword mk, keyword k WHERE mk.keyword_id = k.id AND mk.movie_id = {film}",
            values: &[("film", Draw::UpTo(60_000))],
        },
        Template {
            text: "SELECT t.id, t.title FROM title t WHERE t.kind_id = {kind} ORDER BY t.production_year DESC, t.id LIMIT 20",
            values: &[("kind", Draw::UpTo(6))],
        },
        Template {
            text: "SELECT count(*) FROM movie_companies mc WHERE mc.company_id = {company} AND mc.company_type_id = 2",
            values: &[("company", Draw::UpTo(10_000))],
        },
    ],
};
