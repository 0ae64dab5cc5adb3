//! Parsers for command-line values: times, prices and ticket types.
//!
//! Only the syntax is checked here. The services decide which values are valid, and their response names the invalid field.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use iso_currency::Currency;
use rowlock_domain::Timestamp;
use serde_json::{Value, json};

/// Parses a time with an offset (RFC 3339), or a day, which means its start in UTC.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    let day: NaiveDate =
        text.parse().map_err(|_| "must be a time such as 2026-12-24T20:00:00+01:00, or a day such as 2026-12-24 (UTC)".to_owned())?;
    Ok(day.and_time(NaiveTime::MIN).and_utc())
}

/// A number of minutes, or `none`, which switches a setting off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minutes(Option<u32>);

impl Minutes {
    pub(crate) fn json(self) -> Value {
        self.0.into()
    }
}

impl FromStr for Minutes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            number => number.parse().map(|minutes| Self(Some(minutes))).map_err(|_| "must be a number of minutes, or none".to_owned()),
        }
    }
}

/// Formats a time as the API does.
pub(crate) fn time_json(time: Timestamp) -> Value {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into()
}

/// The price of a ticket, in the minor unit of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Price {
    amount_minor: i64,
    currency: Currency,
}

impl Price {
    pub(crate) fn json(&self) -> Value {
        json!({"amountMinor": self.amount_minor, "currency": self.currency.code()})
    }
}

fn minor_digits(currency: Currency) -> usize {
    currency.exponent().map_or(0, usize::from)
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be an amount and a currency, such as 12.50EUR or 1500JPY".to_owned();
        let text = text.trim();
        let (amount, code) = text.split_at_checked(text.len().saturating_sub(3)).ok_or_else(invalid)?;
        let currency = Currency::from_code(code).ok_or_else(invalid)?;
        let amount = amount.trim();
        let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = minor_digits(currency);
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) || amount.ends_with('.') {
            return Err(invalid());
        }
        if part.len() > digits {
            return Err(format!("amounts in {code} have at most {digits} decimal places"));
        }
        let amount_minor = format!("{whole}{part:0<digits$}").parse().map_err(|_| invalid())?;
        Ok(Self { amount_minor, currency })
    }
}

/// Formats a price for people. The amount of an unknown currency is shown in its minor unit.
pub(crate) fn price_text(amount_minor: i64, code: &str) -> String {
    let Some(digits) = Currency::from_code(code).map(minor_digits).filter(|digits| *digits > 0) else {
        return format!("{amount_minor} {code}");
    };
    let text = format!("{amount_minor:0>width$}", width = digits + 1);
    let (whole, part) = text.split_at(text.len().saturating_sub(digits));
    format!("{whole}.{part} {code}")
}

/// A ticket type of a new event: `NAME=TICKETS`, followed by optional comma-separated attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewTicketType(Vec<(&'static str, Value)>);

impl NewTicketType {
    pub(crate) fn json(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }
}

impl FromStr for NewTicketType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be like Balcony=200 or Balcony=200,price=12.50EUR,max-per-booking=4,max-per-account=8".to_owned();
        let mut parts = text.split(',');
        let (name, tickets) = parts.next().and_then(|first| first.split_once('=')).ok_or_else(invalid)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("`{text}` is not a number"));
        let mut fields = vec![("name", name.trim().into()), ("totalTickets", number(tickets)?.into())];
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(invalid)?;
            let (name, value) = match name.trim() {
                "price" => ("price", value.parse::<Price>()?.json()),
                "max-per-booking" => ("maxPerBooking", number(value)?.into()),
                "max-per-account" => ("maxPerAccount", number(value)?.into()),
                _ => return Err(invalid()),
            };
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(invalid());
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }
}

/// A new capacity of a ticket type: `NAME=TICKETS` or `ID=TICKETS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeCapacity {
    pub(crate) which: String,
    pub(crate) tickets: u32,
}

impl FromStr for TypeCapacity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be like Balcony=250".to_owned();
        let (which, tickets) = text.rsplit_once('=').ok_or_else(invalid)?;
        Ok(Self { which: which.trim().to_owned(), tickets: tickets.trim().parse().map_err(|_| invalid())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_start_in_utc() {
        assert_eq!(time_json(parse_time("2026-12-24").unwrap()), "2026-12-24T00:00:00Z");
        assert_eq!(time_json(parse_time("2026-12-24T20:00:00+01:00").unwrap()), "2026-12-24T19:00:00Z");
        assert!(parse_time("tomorrow").unwrap_err().contains("2026-12-24"));
    }

    #[test]
    fn prices_are_parsed_in_the_minor_unit_of_their_currency() {
        for (text, amount_minor, shown) in [
            ("12.50EUR", 1250, "12.50 EUR"),
            ("12.5 EUR", 1250, "12.50 EUR"),
            ("0.05EUR", 5, "0.05 EUR"),
            ("12EUR", 1200, "12.00 EUR"),
            ("1500JPY", 1500, "1500 JPY"),
            ("1.234KWD", 1234, "1.234 KWD"),
        ] {
            let price: Price = text.parse().unwrap();
            assert_eq!(price.amount_minor, amount_minor, "{text}");
            assert_eq!(price_text(amount_minor, price.currency.code()), shown);
        }
        for text in ["", "EUR", "12", "12.345EUR", "1.5JPY", "-1EUR", "1.EUR", ".5EUR", "12€", "12XYZ", "99999999999999999999EUR"] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }

    #[test]
    fn ticket_types_are_parsed_with_their_attributes() {
        let balcony: NewTicketType = "Balcony left=200,price=12.50EUR,max-per-booking=4".parse().unwrap();
        assert_eq!(
            balcony.json(),
            json!({"name": "Balcony left", "totalTickets": 200, "price": {"amountMinor": 1250, "currency": "EUR"}, "maxPerBooking": 4})
        );
        for text in ["", "Balcony", "Balcony=", "Balcony=many", "Balcony=1,price", "Balcony=1,color=red", "Balcony=1,price=1EUR,price=2EUR"]
        {
            assert!(text.parse::<NewTicketType>().is_err(), "{text}");
        }
    }

    #[test]
    fn capacities_are_split_at_the_last_equals_sign() {
        let capacity: TypeCapacity = "A=B=250".parse().unwrap();
        assert_eq!((capacity.which.as_str(), capacity.tickets), ("A=B", 250));
        assert!("Balcony".parse::<TypeCapacity>().is_err());
    }
}
