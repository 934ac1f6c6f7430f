//! More of what a world can be asked and told.

use super::*;

impl World {
    /// A change that is planned and not stored.
    #[track_caller]
    pub(in crate::domain::change::tests) fn planned<T>(&self, change: impl FnOnce(&mut Draft<'_>) -> Planned<T>) -> Change {
        self.attempt(change).expect("it is not refused").0
    }

    /// Starts the trial on camera 1.
    #[track_caller]
    pub(in crate::domain::change::tests) fn start_trial(&mut self, name: &str) -> SubscriptionId {
        let order = order(name, 1, None);
        let id = self.plan(|draft| draft.start_trial(&order.plan, order.camera.as_ref()));
        self.run();
        id
    }

    #[track_caller]
    pub(in crate::domain::change::tests) fn cancel(&mut self, id: &SubscriptionId) {
        self.plan(|draft| draft.cancel(id));
        self.run();
    }

    #[track_caller]
    pub(in crate::domain::change::tests) fn change(&mut self, id: &SubscriptionId, name: &str) {
        let to = plan(name);
        self.plan(|draft| draft.change_plan(id, &to, None));
        self.run();
    }

    pub(in crate::domain::change::tests) fn subscription(&self, id: &SubscriptionId) -> &Subscription {
        &self.account.subscriptions[id]
    }

    /// The state's name and, where there is one, the period: `active 2026-01-31..2027-01-31`.
    pub(in crate::domain::change::tests) fn standing(&self, id: &SubscriptionId) -> String {
        let state = &self.subscription(id).state;
        match (state, state.term()) {
            (crate::domain::subscription::State::Closed { cause, on }, _) => format!("closed {on} {cause:?}"),
            (_, Some(term)) => format!("{} {} {}..{}", state.name(), term.plan, term.period.start, term.period.end),
            (_, None) => state.name().to_owned(),
        }
    }

    /// The invoice of a subscription's term and period.
    #[track_caller]
    pub(in crate::domain::change::tests) fn invoice(&self, id: &SubscriptionId, term: u32, period: u32) -> &Invoice {
        &self.account.invoices[&format!("in_{id}_{term}_{period}")]
    }

    /// All invoices, oldest first: `2026-01-31 9.99 + 0.82`.
    pub(in crate::domain::change::tests) fn invoices(&self) -> Vec<String> {
        let mut invoices: Vec<&Invoice> = self.account.invoices.values().collect();
        invoices.sort_by_key(|invoice| (invoice.document.period.start, invoice.document.id.clone()));
        let shown = invoices.into_iter().map(|one| (&one.document.period.start, one.document.net.major(), one.document.tax.major()));
        shown.map(|(start, net, tax)| format!("{start} {net} + {tax}")).collect()
    }

    /// Requested refunds in the order of their ids: amount, charge and state.
    pub(in crate::domain::change::tests) fn refunds_made(&self) -> Vec<String> {
        let shown = |one: &crate::domain::account::Refund| format!("{} {} {:?}", one.amount.major(), one.charge, one.state);
        self.account.refunds.values().map(shown).collect()
    }

    /// Charges in the order of their ids: id, amount and state.
    pub(in crate::domain::change::tests) fn charges_made(&self) -> Vec<String> {
        let shown = |one: &crate::domain::account::Charge| format!("{} {} {:?}", one.id, one.amount.major(), one.state);
        self.account.charges.values().map(shown).collect()
    }

    /// Kinds of open tasks.
    pub(in crate::domain::change::tests) fn tasks(&self) -> Vec<&str> {
        self.account.tasks.values().filter(|task| task.closed_on.is_none()).map(|task| task.kind.as_str()).collect()
    }

    /// Kinds of mails delivered since the given one.
    pub(in crate::domain::change::tests) fn mails_since(&self, first: usize) -> Vec<NoticeKind> {
        self.mails[first..].iter().map(|mail| mail.kind).collect()
    }

    /// Dates on which mails of a kind were delivered.
    pub(in crate::domain::change::tests) fn mailed_on(&self, kind: NoticeKind) -> Vec<String> {
        self.mails.iter().filter(|mail| mail.kind == kind).map(|mail| mail.on.to_string()).collect()
    }

    /// Cash credit and goodwill credit.
    pub(in crate::domain::change::tests) fn credit(&self) -> (String, String) {
        (self.account.profile.credit_cash.major(), self.account.profile.credit_goodwill.major())
    }

    /// The trial balance.
    pub(in crate::domain::change::tests) fn trial_balance(&self) -> String {
        self.books.trial_balance(self.account.zero())
    }

    /// Whether some recorded reason contains a text.
    pub(in crate::domain::change::tests) fn said(&self, text: &str) -> bool {
        self.why.iter().any(|why| why.contains(text))
    }
}
