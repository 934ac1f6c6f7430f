"""DuckDB's side: reads both files, joins them, and writes what differs.

duckdb_side.py OURS THEIRS LADDER BREAKS THROUGH prints the seconds from opening DuckDB to the written file, without the start of the
interpreter, and the peak memory of the process in KiB.
"""

import resource
import sys
import time

import duckdb

# The types are told, so that nothing is spent on guessing them.
OURS = {
    "account_id": "VARCHAR",
    "charge_id": "VARCHAR",
    "reference": "VARCHAR",
    "amount_minor": "BIGINT",
    "currency": "VARCHAR",
    "state": "VARCHAR",
    "settled_on": "DATE",
}
THEIRS = {
    "automatic_payout_id": "VARCHAR",
    "automatic_payout_effective_at": "VARCHAR",
    "balance_transaction_id": "VARCHAR",
    "created_utc": "TIMESTAMP",
    "available_on_utc": "VARCHAR",
    "currency": "VARCHAR",
    "gross": "DECIMAL(18, 2)",
    "fee": "DECIMAL(18, 2)",
    "net": "DECIMAL(18, 2)",
    "reporting_category": "VARCHAR",
    "source_id": "VARCHAR",
    "payment_intent_id": "VARCHAR",
    "charge_id": "VARCHAR",
    "customer_email": "VARCHAR",
    "our_charge": "VARCHAR",
}

# The tables of breaks.sql.
TABLES = """
theirs as materialized (
    select balance_transaction_id as movement_id, coalesce(payment_intent_id, source_id) as intent,
        cast(gross * 100 as bigint) as theirs_minor, upper(currency) as their_currency, cast(created_utc as date) as occurred_on
    from read_csv('{theirs}', header = true, columns = {their_columns})
    where reporting_category = 'charge' and cast(created_utc as date) <= date '{through}' + 10
),
ours as (
    select account_id, charge_id, reference, amount_minor as ours_minor, currency as our_currency, state, settled_on
    from read_csv('{ours}', header = true, columns = {our_columns})
    where (reference is null or not starts_with(reference, 'sim_')) and (settled_on is null or settled_on <= date '{through}' + 10)
),
pairs as (
    select ours.* exclude (reference), theirs.* from theirs full outer join ours on ours.reference = theirs.intent
),
days as (
    select date '{through}' as through, least(date '{through}', (select max(occurred_on) from theirs)) - 1 as young_from
),
"""


def main(ours, theirs, ladder, breaks, through):
    with open(ladder, encoding="utf-8") as file:
        ladder = file.read()
    tables = TABLES.format(ours=ours, theirs=theirs, through=through, our_columns=OURS, their_columns=THEIRS)
    statement = f"copy (with {tables}{ladder}) to '{breaks}' (format csv, header true)"
    began = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute(statement)
    seconds = time.perf_counter() - began
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


main(*sys.argv[1:])
