#!/usr/bin/env python3
"""Recomputes the books of kasacare from the facts of an export, by the billing rules alone.

It reads what `kasacare journal --format json` writes, takes the facts out of it (who bought what for which period, when it was
cancelled, what a provider captured) and leaves behind every amount that the engine worked out. From those facts, the price list and
the tax rates, rules.sql (run by DuckDB) computes what every entry of the books must be, and verdict.sql holds the legs of a journal
against it: a journal for hledger, for beancount, as CSV, or the entries of the JSON document itself. Nothing here comes from the
engine's own code.

    recompute.py --facts books.json --catalog catalog.json --tax-rates tax_rates.csv books.journal [books.beancount books.csv …]

Exit code 0: everything is proven, and what was proven is counted. 1: something contradicts the rules; each contradiction is printed
with its place. 2: an input cannot be read.
"""

import argparse
import csv
import io
import json
import pathlib
import re
import sys
import tempfile
import urllib.parse

SQL = [pathlib.Path(__file__).with_name(name) for name in ("rules.sql", "verdict.sql")]
# How many contradictions of a kind are printed.
SHOWN = 5

HLEDGER_LEG = re.compile(r"    \w+:A(?P<account>\d+)\S*\s+(?P<amount>-?[\d.]+) (?P<currency>[A-Z]{3})(?:  ; (?P<tags>.*))?$")
BEANCOUNT_LEG = re.compile(r"  \w+:A(?P<account>\d+)\S*\s+(?P<amount>-?[\d.]+) (?P<currency>[A-Z]{3})$")
BEANCOUNT_TAG = re.compile(r'\s+(?P<name>[a-z-]+): (?P<value>".*")$')
HEAD = re.compile(r"(?P<on>\d{4}-\d\d-\d\d) \* ")


class Unreadable(Exception):
    """An input that cannot be read."""


class Decimals(dict):
    """How many decimals each currency is written with: always the same."""

    def minor(self, text, currency):
        """An amount in minor units, exactly: only the point is taken out."""
        found = re.fullmatch(r"(-?\d+)(?:\.(\d+))?", text)
        if not found:
            raise Unreadable(f"`{text}` is no amount")
        whole, rest = found.group(1), found.group(2) or ""
        if self.setdefault(currency, len(rest)) != len(rest):
            raise Unreadable(f"`{text} {currency}` has {len(rest)} decimals, elsewhere there are {self[currency]}")
        return int(whole + rest)


def facts_of(document, decimals):
    """One row an event: account, record, event, date, instant, time zone, kind of the record, tag, body."""
    for fact in document["facts"]:
        for number, event in enumerate(fact["events"]):
            # An event without fields is its tag alone.
            tag, body = (event, {}) if isinstance(event, str) else next(iter(event.items()))
            body = json.dumps(body)
            for amount, currency in re.findall(r'"(-?[\d.]+) ([A-Z]{3})"', body):
                decimals.minor(amount, currency)
            yield (fact["account"], fact["record"], number, fact["effective_on"], fact["posted_at"], fact.get("time_zone"),
                   fact["kind"], tag.removesuffix(".v1"), body)


def hledger_entries(text):
    """The entries of a journal for hledger: place, date, tags, legs."""
    entry = None
    for number, line in enumerate(text.split("\n"), 1):
        if head := HEAD.match(line):
            entry = (number, head["on"], {}, [])
            yield entry
        elif leg := HLEDGER_LEG.match(line):
            entry[3].append((leg["account"], leg["amount"], leg["currency"], hledger_tags(leg["tags"] or "")))
        elif line.startswith("    ; ") and entry:
            entry[2].update(hledger_tags(line.removeprefix("    ; ")))


def hledger_tags(text):
    pairs = (tag.split(":", 1) for tag in text.split(", ") if ":" in tag)
    return {name: urllib.parse.unquote(value) for name, value in pairs}


def beancount_entries(text):
    """The entries of a journal for beancount."""
    entry = None
    for number, line in enumerate(text.split("\n"), 1):
        if head := HEAD.match(line):
            entry = (number, head["on"], {}, [])
            yield entry
        elif leg := BEANCOUNT_LEG.match(line):
            entry[3].append((leg["account"], leg["amount"], leg["currency"], {}))
        elif (tag := BEANCOUNT_TAG.match(line)) and entry:
            tags = entry[3][-1][3] if line.startswith("    ") else entry[2]
            tags[tag["name"]] = json.loads(tag["value"])


def csv_entries(text):
    """The entries of the table: rows of one event that follow each other, until a leg's number begins again."""
    entry, last = None, 0
    for number, row in enumerate(csv.DictReader(io.StringIO(text, newline="")), 2):
        leg = int(row["leg"])
        if entry is None or entry[2]["event"] != row["event"] or leg <= last:
            if entry:
                yield entry
            entry = (number, row["effective_on"], {"customer": row["customer"], "event": row["event"], "posted": row["posted_at"]}, [])
        amount, last = row["debit"] or "-" + row["credit"], leg
        entry[3].append((row["ledger_account"], amount, row["currency"], row))
    if entry:
        yield entry


def json_entries(text):
    """The entries of the document."""
    for number, entry in enumerate(json.loads(text)["entries"], 1):
        tags = {"customer": entry["account"], "event": entry["event_id"], "posted": entry["posted_at"]}
        legs = [(leg["ledger_account"], leg["amount_minor"], leg["currency"], leg) for leg in entry["legs"]]
        yield number, entry["effective_on"], tags, legs


READERS = {".journal": hledger_entries, ".beancount": beancount_entries, ".csv": csv_entries, ".json": json_entries}


def legs_of(path, text, decimals):
    """One row a leg. Entries that say what event they book are numbered, so that one that is written twice shows."""
    if path.suffix not in READERS:
        raise Unreadable(f"{path}: a journal ends in {', '.join(READERS)}")
    # All of them before the first is looked at: an entry's legs follow its head.
    for order, (number, on, tags, legs) in enumerate(list(READERS[path.suffix](text))):
        event = re.fullmatch(r"(.+)/(\d+)#(\d+)", tags.get("event", ""))
        if not event and all(amount == 0 or not amount.strip("0.") for _, amount, *_ in legs):
            # A trial balance: assertions alone.
            continue
        if not event:
            raise Unreadable(f"{path}:{number}: an entry that books no event; export the whole journal, without --from")
        account, record, index = event.groups()
        for ledger, amount, currency, of in legs:
            exact = amount if isinstance(amount, int) else decimals.minor(amount, currency)
            yield (order, number, account, int(record), int(index), on, tags.get("posted"), int(ledger), exact, currency,
                   of.get("subscription") or None, of.get("invoice") or None)


def prices_of(catalog, decimals):
    """One row a price: version, first day, plan, currency, amount."""
    for version in catalog["versions"]:
        for price in version["prices"]:
            amount, currency = price["amount"].split(" ")
            yield version["version"], version["effective_from"], price["plan"], currency, decimals.minor(amount, currency)


def promotions_of(catalog, decimals):
    """One row a code and currency: code, currency (any for a percentage), percentage in billionths, amount, periods, plans."""
    for promotion in catalog.get("promotions", []):
        duration = promotion["duration"]
        periods = {"once": 1, "forever": None}[duration] if isinstance(duration, str) else duration["periods"]
        plans, off = promotion.get("plans"), promotion["off"]
        if "percent_off" in off:
            yield promotion["code"], None, billionths(off["percent_off"]), None, periods, plans
        for price in off.get("amount_off", []):
            amount, currency = price.split(" ")
            yield promotion["code"], currency, None, decimals.minor(amount, currency), periods, plans


def billionths(share):
    """A share such as `0.0825`, exactly."""
    whole, _, rest = share.partition(".")
    return int(whole) * 10**9 + int(rest.ljust(9, "0"))


def table(database, name, columns, rows):
    """Makes a table of rows, by way of a file: rows handed over one by one take a hundred times as long."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "rows.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([f"[{', '.join(cell)}]" if isinstance(cell, list) else cell for cell in row] for row in rows)
        types = ", ".join("'{}': '{}'".format(*column.split(" ")) for column in columns.split(", "))
        form = "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n'"
        database.execute(f"create or replace table {name} as from read_csv(?, {form}, columns = {{{types}}})", [str(path)])


def judge(database, path, decimals, rules):
    """Holds one journal against the rules; gives what contradicts them and what was proven."""
    columns = ("place integer, line integer, account text, record integer, event integer, dated date, posted text, ledger integer, "
               "minor bigint, currency text, subscription text, invoice text")
    table(database, "leg", columns, legs_of(path, path.read_text(encoding="utf-8"), decimals))
    database.execute(rules)
    found = database.execute("select law, place, said from contradiction order by law, place, said").fetchall()
    proven = database.execute("select what, number from proven order by what").fetchall()
    return found, proven


def told(path, found, proven):
    """Prints what one journal proved or what contradicts it."""
    if not found:
        print(f"{path.name}: proven")
        for what, number in proven:
            print(f"  {number:>9,}  {what}")
        return
    print(f"{path.name}: {len(found)} contradictions")
    laws = {}
    for law, place, said in found:
        laws.setdefault(law, []).append((place, said))
    for law, places in laws.items():
        print(f"  {law}: {len(places)}")
        for place, said in places[:SHOWN]:
            print(f"    {place}: {said}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=pathlib.Path, required=True, help="what `kasacare journal --format json` wrote")
    parser.add_argument("--catalog", type=pathlib.Path, required=True, help="the published price list")
    parser.add_argument("--tax-rates", type=pathlib.Path, required=True, help="the tax rates by law")
    parser.add_argument("journals", type=pathlib.Path, nargs="+", metavar="JOURNAL")
    return parser.parse_args()


def main():
    try:
        import duckdb
    except ModuleNotFoundError:
        raise Unreadable("the module duckdb is missing; install it with: scripts/test-tools.sh recompute") from None
    given, decimals, database = arguments(), Decimals(), duckdb.connect()
    catalog = json.loads(given.catalog.read_text(encoding="utf-8"))
    facts = json.loads(given.facts.read_text(encoding="utf-8"))
    if "facts" not in facts:
        raise Unreadable(f"{given.facts}: there are no facts in it; write it with `kasacare journal --format json`")
    with given.tax_rates.open(encoding="utf-8", newline="") as file:
        rates = [(row["jurisdiction"], row["valid_from"], billionths(row["rate"])) for row in csv.DictReader(file)]
    table(database, "fact", "account text, record integer, event integer, dated date, posted text, zone text, kind text, tag text, "
          "body json", facts_of(facts, decimals))
    table(database, "price", "version text, effective_from date, plan text, currency text, amount bigint", prices_of(catalog, decimals))
    table(database, "promotion", "code text, currency text, percent bigint, amount bigint, periods integer, plans text[]",
          promotions_of(catalog, decimals))
    table(database, "tax_rate", "jurisdiction text, valid_from date, rate bigint", rates)
    rules, sound = "".join(path.read_text(encoding="utf-8") for path in SQL), True
    for path in given.journals:
        found, proven = judge(database, path, decimals, rules)
        told(path, found, proven)
        sound = sound and not found
    return 0 if sound else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unreadable, OSError, KeyError, ValueError) as problem:
        print(f"recompute: {problem!r}" if isinstance(problem, (KeyError, ValueError)) else f"recompute: {problem}", file=sys.stderr)
        sys.exit(2)
