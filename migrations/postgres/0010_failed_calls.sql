-- When a call was last answered with a failure of the provider, which may still carry it out (PV-2). It is not sent again under its
-- key; once that can no longer be, a look-up decides. Empty where there was no such answer.
alter table charges add column failed_at bigint;
alter table refunds add column failed_at bigint;
