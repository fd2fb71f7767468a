//! Orders and their lines, as TPC-H has them, at its scale factor 0.04; its keys are there, and no
//! other index. Half of the statements are its own in short, half look a few rows up.

use super::workload::{Draw, Template, Workload};

const MONTHS: Draw = Draw::Month(78);
const SEGMENT: Draw = Draw::OneOf(&[
    "AUTOMOBILE",
    "BUILDING",
    "FURNITURE",
    "MACHINERY",
    "HOUSEHOLD",
]);
const MODE: Draw = Draw::OneOf(&["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"]);

pub(super) const ORDERS: Workload = Workload {
    name: "orders",
    title: "like TPC-H",
    tables: &[
        "CREATE TABLE customer(c_custkey int PRIMARY KEY, c_name text NOT NULL, c_nationkey int NOT NULL, c_mktsegment text NOT NULL, c_comment text)",
        "CREATE TABLE orders(o_orderkey int PRIMARY KEY, o_custkey int NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice numeric(12, 2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority text NOT NULL, o_clerk text NOT NULL, o_comment text)",
        "CREATE TABLE part(p_partkey int PRIMARY KEY, p_brand text NOT NULL, p_container text NOT NULL, p_type text NOT NULL, p_size int NOT NULL, p_comment text)",
        "CREATE TABLE partsupp(ps_partkey int, ps_suppkey int, ps_availqty int NOT NULL, ps_supplycost numeric(12, 2) NOT NULL, ps_comment text, PRIMARY KEY (ps_partkey, ps_suppkey))",
        "CREATE TABLE lineitem(l_orderkey int, l_linenumber int, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_quantity numeric(12, 2) NOT NULL, l_extendedprice numeric(12, 2) NOT NULL, l_discount numeric(4, 2) NOT NULL, l_returnflag char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipmode text NOT NULL, l_comment text, PRIMARY KEY (l_orderkey, l_linenumber))",
        "INSERT INTO customer SELECT g, 'Customer#' || g, (random() * 24)::int, (ARRAY['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD'])[1 + floor(random() * 5)::int], repeat('c', 70) FROM generate_series(1, 6000) g",
        "INSERT INTO orders SELECT g, 1 + floor(random() * 6000)::int, CASE WHEN random() < 0.03 THEN 'P' WHEN random() < 0.5 THEN 'O' ELSE 'F' END, random() * 400000, date '1992-01-01' + floor(random() * 2405)::int, (1 + floor(random() * 5)::int) || '-PRIORITY', 'Clerk#' || floor(random() * 400)::int, repeat('o', 50) FROM generate_series(1, 60000) g",
        "INSERT INTO part SELECT g, 'Brand#' || floor(random() * 25)::int, 'BOX ' || floor(random() * 40)::int, 'TYPE ' || floor(random() * 150)::int, 1 + floor(random() * 50)::int, repeat('p', 20) FROM generate_series(1, 8000) g",
        "INSERT INTO partsupp SELECT p, 1 + (p + s * 101) % 400, random() * 9999, random() * 1000, repeat('s', 120) FROM generate_series(1, 8000) p, generate_series(0, 3) s ON CONFLICT DO NOTHING",
        "INSERT INTO lineitem SELECT o, n, 1 + floor(random() * 8000)::int, 1 + floor(random() * 400)::int, 1 + floor(random() * 50)::int, random() * 90000, floor(random() * 11) / 100, (ARRAY['R', 'A', 'N', 'N'])[1 + floor(random() * 4)::int], d + 1 + floor(random() * 121)::int, d + 30 + floor(random() * 61)::int, d + 2 + floor(random() * 150)::int, (ARRAY['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[1 + floor(random() * 7)::int], repeat('l', 27) FROM (SELECT o_orderkey AS o, o_orderdate AS d FROM orders) o, generate_series(1, 4) n",
    ],
    columns: &[
        ("customer", &["c_mktsegment", "c_nationkey"]),
        (
            "orders",
            &[
                "o_custkey",
                "o_orderdate",
                "o_orderstatus",
                "o_clerk",
                "o_totalprice",
            ],
        ),
        ("part", &["p_brand", "p_container", "p_type", "p_size"]),
        ("partsupp", &["ps_suppkey", "ps_supplycost"]),
        (
            "lineitem",
            &[
                "l_orderkey",
                "l_partkey",
                "l_suppkey",
                "l_shipdate",
                "l_receiptdate",
                "l_shipmode",
                "l_returnflag",
                "l_quantity",
            ],
        ),
    ],
    templates: &[
        Template {
            text: "SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate FROM customer, orders, lineitem WHERE c_mktsegment = '{segment}' AND c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= date '{day}' AND o_orderdate < date '{day}' + 14 AND l_shipdate > date '{day}' + 14 GROUP BY l_orderkey, o_orderdate ORDER BY revenue DESC LIMIT 10",
            values: &[("segment", SEGMENT), ("day", MONTHS)],
        },
        Template {
            text: "SELECT o_orderpriority, count(*) FROM orders WHERE o_orderdate >= date '{day}' AND o_orderdate < date '{day}' + 30 AND EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate) GROUP BY o_orderpriority ORDER BY o_orderpriority",
            values: &[("day", MONTHS)],
        },
        Template {
            text: "SELECT sum(l_extendedprice * l_discount) FROM lineitem WHERE l_shipdate >= date '{day}' AND l_shipdate < date '{day}' + 30 AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24",
            values: &[("day", MONTHS)],
        },
        Template {
            text: "SELECT c_custkey, c_name, sum(l_extendedprice) AS lost FROM customer, orders, lineitem WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= date '{day}' AND o_orderdate < date '{day}' + 7 AND l_returnflag = 'R' GROUP BY c_custkey, c_name ORDER BY lost DESC LIMIT 20",
            values: &[("day", MONTHS)],
        },
        Template {
            text: "SELECT o_orderpriority, count(*) FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode = '{mode}' AND l_receiptdate >= date '{day}' AND l_receiptdate < date '{day}' + 30 AND l_commitdate < l_receiptdate GROUP BY o_orderpriority",
            values: &[("mode", MODE), ("day", MONTHS)],
        },
        Template {
            text: "SELECT sum(CASE WHEN p_type LIKE 'TYPE 1%' THEN l_extendedprice ELSE 0 END) / sum(l_extendedprice) FROM lineitem, part WHERE l_partkey = p_partkey AND l_shipdate >= date '{day}' AND l_shipdate < date '{day}' + 10",
            values: &[("day", MONTHS)],
        },
        Template {
            text: "SELECT sum(l_extendedprice) FROM lineitem, part WHERE p_partkey = l_partkey AND p_brand = 'Brand#{brand}' AND p_container = 'BOX {box}' AND l_quantity < 10",
            values: &[("brand", Draw::UpTo(24)), ("box", Draw::UpTo(39))],
        },
        Template {
            text: "SELECT avg(l_quantity), max(l_shipdate) FROM lineitem WHERE l_partkey = {part}",
            values: &[("part", Draw::UpTo(8_000))],
        },
        Template {
            text: "SELECT o_orderkey, o_totalprice FROM orders WHERE o_custkey = {customer} ORDER BY o_orderdate DESC LIMIT 10",
            values: &[("customer", Draw::UpTo(6_000))],
        },
        Template {
            text: "SELECT count(*), sum(o_totalprice) FROM orders WHERE o_clerk = 'Clerk#{clerk}' AND o_orderdate >= date '{day}'",
            values: &[("clerk", Draw::UpTo(399)), ("day", MONTHS)],
        },
        Template {
            text: "SELECT p_partkey, min(ps_supplycost) FROM part, partsupp WHERE p_partkey = ps_partkey AND p_size = {size} AND p_type = 'TYPE {type}' GROUP BY p_partkey",
            values: &[("size", Draw::UpTo(50)), ("type", Draw::UpTo(149))],
        },
        Template {
            text: "SELECT l_shipdate, l_quantity FROM lineitem WHERE l_suppkey = {supplier} ORDER BY l_shipdate DESC LIMIT 5",
            values: &[("supplier", Draw::UpTo(400))],
        },
        Template {
            text: "SELECT l_linenumber, l_partkey, l_quantity FROM lineitem WHERE l_orderkey = {order}",
            values: &[("order", Draw::UpTo(60_000))],
        },
    ],
};
