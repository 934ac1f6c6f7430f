//! Customers and their payment methods. A method can only be charged off session together with the customer that it is attached to, so
//! both are on file as one token. A customer at Stripe has our account's id and nothing else of ours: no name, no address (PP-3).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::customer::CreateCustomer;

use super::api::{Api, Trouble};
use super::metadata;
use super::objects::Other;
use crate::provider::calls::Enrolment;

#[derive(Debug, Deserialize)]
struct Customer {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Method {
    customer: Option<Other>,
}

#[derive(Debug, Serialize)]
struct Attach<'a> {
    customer: &'a str,
}

/// The customer that a method on file is attached to, if it is.
pub(super) async fn customer_of(api: &Api, token: &str) -> Result<Option<String>, Trouble> {
    if let Some((customer, _)) = token.split_once(':') {
        return Ok(Some(customer.to_owned()));
    }
    let path = format!("/payment_methods/{token}");
    let known: Method = api.ask(|| RequestBuilder::new(StripeMethod::Get, path.as_str())).await?;
    Ok(known.customer.map(|customer| customer.id().to_owned()))
}

/// The customer and the method of a token; a bare method is attached first: to the customer on file, or to a new one. Doing it again does
/// nothing again.
pub(super) async fn enrolled(api: &Api, enrolment: &Enrolment) -> Result<(String, String), Trouble> {
    let Enrolment { account_id, token, on_file } = enrolment;
    if let Some((customer, method)) = token.split_once(':') {
        return Ok((customer.to_owned(), method.to_owned()));
    }
    if let Some(customer) = customer_of(api, token).await? {
        return Ok((customer, token.clone()));
    }
    let customer = match on_file.as_deref().and_then(|token| token.split_once(':')) {
        Some((customer, _)) => customer.to_owned(),
        None => {
            let ids = || HashMap::from([(metadata::ACCOUNT.to_owned(), account_id.to_string())]);
            let made: Customer =
                api.tell(|| CreateCustomer::new().metadata(ids()).build(), &format!("kasacare:customer:{account_id}")).await?;
            made.id
        }
    };
    let path = format!("/payment_methods/{token}/attach");
    let attach = || RequestBuilder::new(StripeMethod::Post, path.as_str()).form(&Attach { customer: &customer });
    let _attached: Method = api.tell(attach, &format!("kasacare:attach:{customer}:{token}")).await?;
    Ok((customer, token.clone()))
}
