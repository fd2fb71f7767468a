#!/usr/bin/env python3
"""Cuts what record.sh recorded to the size of a fixture: excerpt.py NAME DIR

Keeps the first records of each kind, the same ones in each format and in the order of time and
process (the formats differ where processes write at once), and takes the machine's paths out.
"""
import csv, io, json, os, re, sys

name, root = sys.argv[1], sys.argv[2]
here = os.path.dirname(os.path.abspath(__file__))
logs = os.path.join(root, "data/log")


def read(name):
    with open(os.path.join(logs, name), encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def write(extension, text):
    text = text.replace(root + "/data", "/var/lib/postgresql/data")
    with open(os.path.join(here, f"{name}.{extension}"), "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)


csv.field_size_limit(1 << 24)
rows = sorted(csv.reader(io.StringIO(read("pg.csv"))), key=lambda row: (row[0], int(row[3])))
seen, kept = {}, set()
for number, row in enumerate(rows):
    kind = (row[12], row[21].split(",")[0], re.sub(r"[0-9A-F/.]+|\"[^\"]*\"", "", row[13])[:30], re.sub(r"[0-9]+", "", row[14])[:16], ascii(row[13])[:16] if not row[13].isascii() else "", "\n" in row[19], bool(row[16]))
    seen[kind] = seen.get(kind, 0) + 1
    limit = 2 if row[13].startswith("process ") else 1
    if seen[kind] <= limit:
        kept.add(number)


def numbered(records):
    return "".join(record for number, record in enumerate(records) if number in kept)


# The server quotes each text: rows are copied, not written anew.
text, records, start, quoted = read("pg.csv"), [], 0, False
for at, letter in enumerate(text):
    if letter == '"':
        quoted = not quoted
    elif letter == "\n" and not quoted:
        records.append(text[start : at + 1])
        start = at + 1
records.sort(key=lambda record: (record.split(",")[0], int(next(csv.reader([record.split("\n")[0]]))[3])))
assert len(records) == len(rows)
write("csv", numbered(records))

lines = read("pg.log").split("\n")[:-1]
records = []
for line in lines:
    if re.match(r"^\d{4}-.*\| (LOG|ERROR|FATAL|WARNING|PANIC):  ", line):
        records.append("")
    records[-1] += line + "\n"
records.sort(key=lambda record: (record.split("|")[0], int(record.split("|")[1])))
assert len(records) == len(rows), (len(records), len(rows))
write("log", numbered(records))

if os.path.exists(os.path.join(logs, "pg.json")):
    records = read("pg.json").split("\n")[:-1]
    records.sort(key=lambda record: (json.loads(record)["timestamp"], json.loads(record)["pid"]))
    assert len(records) == len(rows)
    write("json", "".join(r + "\n" for n, r in enumerate(records) if n in kept))
