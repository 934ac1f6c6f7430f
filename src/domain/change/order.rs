//! CO-5: orders at a published price that was itself wrong.

use super::super::account::NoteReason;
use super::super::event::{Event, Given, Reversal};
use super::super::ids::SubscriptionId;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::Destination;
use super::super::subscription::{Command, State, Term};
use super::billing::invoice_id;
use super::cancel::with_given;
use super::taken_over::Back;
use super::{Draft, Planned};

impl Draft<'_> {
    /// CO-5: the published price was wrong: the term ends at once and the full charge goes back to the payments that it
    /// came from, to account credit only for what credit had paid, or where the customer chose credit.
    pub fn cancel_order(&mut self, id: &SubscriptionId, to: Destination) -> Planned {
        self.operator("price cancel-order")?;
        self.not_parked()?;
        let subscription = self.direct(id)?.clone();
        let Some(term) = subscription.state.term().cloned() else {
            self.command(id, &Command::CancelOrder { on: self.today })?;
            return Ok(());
        };
        self.nothing_in_flight(id, &term)?;
        let renews = matches!(subscription.state, State::Active { .. } | State::PastDue { .. });
        if renews && term.period.end <= self.today {
            return self.cancel_order_unbilled(id, &term);
        }
        let data = self.billed_facts(id)?;
        self.recordings_inaccessible(id, self.today)?;
        self.because("CO-5: the published price was wrong: the order is cancelled and the full charge goes back");
        let elsewhere = self.paid_elsewhere(id, &term);
        self.command(id, &Command::CancelOrder { on: self.today })?;
        if to == Destination::Credit {
            // CP-3 pays out what was credit before; what the customer chooses as credit now stays.
            self.because("CO-5: the customer chose account credit");
            self.pay_out_credit_if_last()?;
        }
        let given = if elsewhere {
            self.leave_to_operator(id, &term, Back::Everything)?;
            Given::nothing(self.account.zero())
        } else {
            self.undo_order(&invoice_id(id, term.number, term.period_no), to)?
        };
        let data = NoticeData {
            ended_on: Some(self.today),
            effective_on: Some(self.today),
            reason: self.context.reason.map(ToOwned::to_owned),
            ..with_given(data, &given)?
        };
        self.notify(NoticeKind::OrderCancelled, id.as_str(), Some(id), data);
        match to {
            Destination::Refund => self.pay_out_credit_if_last(),
            Destination::Credit => Ok(()),
        }
    }

    /// CA-4, CO-5: the renewal is late, so the period that the order is about was not billed, and is not any more: the term ends
    /// with the last period that was. Nothing was charged for the order, so nothing goes back. Had the jobs run in time, the same
    /// amount would have been charged and given back.
    fn cancel_order_unbilled(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        let ended_on = term.period.end;
        self.because(format!(
            "CA-4: the period from {ended_on} on was not billed and is not any more; the order ends with the last period that was"
        ));
        self.because(
            "CO-5: nothing was charged for it, so nothing goes back; what an earlier period cost is put right by `correct` (CO-2)",
        );
        let data = self.facts(id)?;
        self.recordings_inaccessible(id, ended_on)?;
        self.command(id, &Command::CancelOrder { on: ended_on })?;
        let reason = self.context.reason.map(ToOwned::to_owned);
        let data = NoticeData { ended_on: Some(ended_on), effective_on: Some(self.today), reason, ..data };
        self.notify(NoticeKind::OrderCancelled, id.as_str(), Some(id), data);
        self.pay_out_credit_if_last()
    }

    /// CO-5: the whole line goes back to what it was paid from, or becomes account credit.
    fn undo_order(&mut self, invoice: &str, to: Destination) -> Planned<Given> {
        self.recognise_before_document(invoice)?;
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let (net, tax) = (row.net, row.tax);
        let given = self.credit_note(invoice, NoteReason::OrderCancelled, net, tax, to)?;
        self.emit(Event::ServiceEnded { invoice: invoice.to_owned(), on: self.today })?;
        self.catch_up(invoice, self.today, Reversal::Correction)?;
        self.pay_out(given.payout, invoice, "order_cancelled")?;
        Ok(given)
    }
}
