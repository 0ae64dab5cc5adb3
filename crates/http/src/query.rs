//! Query parameters and page cursors. A cursor is opaque to clients and contains the key of the last item on the page.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use actix_web::{HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rowlock_domain::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{FieldError, Problem};

/// The parameters of a query string and their errors. Unknown parameters are ignored.
///
/// Each reading method returns `None` after it has recorded an error, and treats an empty parameter as absent.
#[derive(Debug)]
#[must_use = "the errors are reported by `finish`"]
pub struct QueryFields {
    values: HashMap<String, String>,
    errors: Vec<FieldError>,
}

impl QueryFields {
    /// Parses the query string of a request.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Self::parse(request.query_string())
    }

    /// Parses a query string. If a parameter occurs more than once, the last value counts.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let values = web::Query::<HashMap<String, String>>::from_query(query)
            .map_err(|_| Problem::invalid_field("query", "is not a valid query string"))?
            .into_inner();
        Ok(Self { values, errors: Vec::new() })
    }

    /// Reads the parameters of a list without filters: the key after which the page starts, and the number of its items.
    ///
    /// # Errors
    ///
    /// Returns a problem that names every invalid parameter.
    pub fn page<K: DeserializeOwned>(request: &HttpRequest) -> Result<(Option<K>, i64), Problem> {
        let mut query = Self::of(request)?;
        let (cursor, limit) = (query.cursor(), query.limit());
        query.finish(cursor.zip(limit))
    }

    fn add_error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: name.to_owned(), message: message.into() });
    }

    fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
        let Some(text) = self.values.get(name).filter(|text| !text.is_empty()).cloned() else { return Some(None) };
        match parse(&text) {
            Ok(value) => Some(Some(value)),
            Err(message) => {
                self.add_error(name, message);
                None
            }
        }
    }

    /// Reads an optional parameter.
    pub fn optional<T: FromStr>(&mut self, name: &str) -> Option<Option<T>>
    where
        T::Err: Display,
    {
        self.read(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// Reads an optional time.
    pub fn time(&mut self, name: &str) -> Option<Option<Timestamp>> {
        // The `+` of an offset arrives as a space if the client did not encode it.
        self.read(name, |text| crate::body::time_from(&text.replace(' ', "+")).map_err(str::to_owned))
    }

    /// Reads the parameter `limit`, from 1 to 100. The default is 20.
    pub fn limit(&mut self) -> Option<i64> {
        self.limit_up_to(100, 20)
    }

    /// Reads the parameter `limit`, from 1 to `max`.
    pub fn limit_up_to(&mut self, max: i64, default: i64) -> Option<i64> {
        let limit = self.read("limit", |text| {
            text.parse::<i64>().ok().filter(|n| (1..=max).contains(n)).ok_or_else(|| format!("must be a number from 1 to {max}"))
        });
        limit.map(|limit| limit.unwrap_or(default))
    }

    /// Reads the parameter `cursor`, the key after which the page starts.
    pub fn cursor<T: DeserializeOwned>(&mut self) -> Option<Option<T>> {
        self.read("cursor", |text| decode_cursor(text).ok_or_else(|| "is not a valid cursor of this list".to_owned()))
    }

    /// Returns the parameters, or a problem that names every invalid one.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid_input(self.errors)),
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items on the page.
    pub items: Vec<T>,
    /// The `cursor` of the next page, or null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Builds a page from `rows`, which must have been read with a limit of `limit + 1` to detect a next page.
    pub fn cut<R, K: Serialize>(mut rows: Vec<R>, limit: i64, key: impl Fn(&R) -> K, item: impl FnMut(R) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(|row| encode_cursor(&key(row))) } else { None };
        Self { items: rows.into_iter().map(item).collect(), next_cursor }
    }
}

/// Encodes a key as a cursor.
pub fn encode_cursor<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// Decodes a cursor, or returns `None` if it is invalid.
pub fn decode_cursor<K: DeserializeOwned>(text: &str) -> Option<K> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_cursor_of_the_next_one() {
        let page: Page<i32> = Page::cut(vec![1, 2, 3], 2, |n| *n, |n| n * 10);
        assert_eq!(page.items, [10, 20]);
        assert_eq!(decode_cursor::<i32>(&page.next_cursor.unwrap()), Some(2));
        assert_eq!(Page::<i32>::cut(vec![1, 2], 2, |n| *n, |n| n).next_cursor, None);
        assert_eq!(decode_cursor::<i32>("not a cursor"), None);
    }
}
