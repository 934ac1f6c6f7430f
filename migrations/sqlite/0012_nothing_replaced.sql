-- SQLite deletes the row that `insert or replace` replaces without asking the triggers on delete, unless whoever writes says so. These ask:
-- what is append-only is not replaced either (I12). They refuse in the words of the constraint, which would refuse a plain insert.
create trigger journal_refuses_replacing before insert on journal
when exists (select 1 from journal where account_id = new.account_id and seq = new.seq) begin
    select raise(abort, 'UNIQUE constraint failed: journal.account_id, journal.seq');
end;
create trigger journal_refuses_replacing_by_cause before insert on journal
when exists (select 1 from journal where account_id = new.account_id and cause = new.cause) begin
    select raise(abort, 'UNIQUE constraint failed: journal.account_id, journal.cause');
end;
create trigger postings_refuses_replacing before insert on postings
when exists (select 1 from postings where account_id = new.account_id and seq = new.seq and leg_no = new.leg_no) begin
    select raise(abort, 'UNIQUE constraint failed: postings.account_id, postings.seq, postings.leg_no');
end;
create trigger notes_refuses_replacing before insert on notes
when exists (select 1 from notes where account_id = new.account_id and note_id = new.note_id) begin
    select raise(abort, 'UNIQUE constraint failed: notes.account_id, notes.note_id');
end;
create trigger notes_refuses_replacing_by_number before insert on notes
when exists (select 1 from notes where number = new.number) begin
    select raise(abort, 'UNIQUE constraint failed: notes.number');
end;
create trigger invoices_refuses_replacing before insert on invoices
when exists (select 1 from invoices where account_id = new.account_id and invoice_id = new.invoice_id) begin
    select raise(abort, 'UNIQUE constraint failed: invoices.account_id, invoices.invoice_id');
end;
create trigger invoices_refuses_replacing_by_number before insert on invoices
when exists (select 1 from invoices where number = new.number) begin
    select raise(abort, 'UNIQUE constraint failed: invoices.number');
end;
create trigger settlement_imports_refuses_replacing before insert on settlement_imports
when exists (select 1 from settlement_imports where import_id = new.import_id) begin
    select raise(abort, 'UNIQUE constraint failed: settlement_imports.import_id');
end;
create trigger settlement_imports_refuses_replacing_by_digest before insert on settlement_imports
when exists (select 1 from settlement_imports where digest = new.digest) begin
    select raise(abort, 'UNIQUE constraint failed: settlement_imports.digest');
end;
create trigger provider_movements_refuses_replacing before insert on provider_movements
when exists (select 1 from provider_movements where provider = new.provider and movement_id = new.movement_id) begin
    select raise(abort, 'UNIQUE constraint failed: provider_movements.provider, provider_movements.movement_id');
end;
create trigger provider_payouts_refuses_replacing before insert on provider_payouts
when exists (select 1 from provider_payouts where provider = new.provider and payout_id = new.payout_id) begin
    select raise(abort, 'UNIQUE constraint failed: provider_payouts.provider, provider_payouts.payout_id');
end;
create trigger bank_lines_refuses_replacing before insert on bank_lines
when exists (select 1 from bank_lines where bank_account = new.bank_account and line_id = new.line_id) begin
    select raise(abort, 'UNIQUE constraint failed: bank_lines.bank_account, bank_lines.line_id');
end;
create trigger store_totals_refuses_replacing before insert on store_totals
when exists (select 1 from store_totals where provider = new.provider and total_id = new.total_id) begin
    select raise(abort, 'UNIQUE constraint failed: store_totals.provider, store_totals.total_id');
end;
create trigger payout_lines_refuses_replacing before insert on payout_lines
when exists (select 1 from payout_lines where provider = new.provider and movement_id = new.movement_id) begin
    select raise(abort, 'UNIQUE constraint failed: payout_lines.provider, payout_lines.movement_id');
end;
create trigger reconciliation_runs_refuses_replacing before insert on reconciliation_runs
when exists (select 1 from reconciliation_runs where run_id = new.run_id) begin
    select raise(abort, 'UNIQUE constraint failed: reconciliation_runs.run_id');
end;
create trigger break_acts_refuses_replacing before insert on break_acts
when exists (select 1 from break_acts where break_id = new.break_id and act_no = new.act_no) begin
    select raise(abort, 'UNIQUE constraint failed: break_acts.break_id, break_acts.act_no');
end;
create trigger payout_receipts_refuses_replacing before insert on payout_receipts
when exists (select 1 from payout_receipts where provider = new.provider and payout_id = new.payout_id and what = new.what) begin
    select raise(abort, 'UNIQUE constraint failed: payout_receipts.provider, payout_receipts.payout_id, payout_receipts.what');
end;
create trigger closings_refuses_replacing before insert on closings
when exists (select 1 from closings where closing_no = new.closing_no) begin
    select raise(abort, 'UNIQUE constraint failed: closings.closing_no');
end;
