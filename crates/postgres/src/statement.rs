//! SQL statements with a fixed text, which diesel prepares once per connection.
//!
//! diesel prepares `sql_query` and multi-row `values` again on every call, which costs as much as running them. A statement
//! whose text never changes, and which passes its rows as arrays, is prepared once and cached.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

/// Declares a statement as a struct. The fields are its parameters `$1, $2, …` with their SQL and Rust types, followed by the
/// SQL types of the result columns if it is a query (`-> (…)`) and the text.
///
/// Each parameter must occur in the text for the first time in the order of the fields; it may occur again later.
#[macro_export]
macro_rules! statement {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident : $sql:ty = $rust:ty),* $(,)? } -> $columns:ty; $text:expr) => {
        $crate::statement!($(#[$doc])* $vis struct $name { $($field: $sql = $rust),* } $text);

        impl ::diesel::query_builder::Query for $name {
            type SqlType = $columns;
        }
    };
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident : $sql:ty = $rust:ty),* $(,)? } $text:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        $vis struct $name { $(pub(crate) $field: $rust),* }

        impl ::diesel::query_builder::QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl ::diesel::query_builder::QueryFragment<::diesel::pg::Pg> for $name {
            fn walk_ast<'b>(&'b self, mut out: ::diesel::query_builder::AstPass<'_, 'b, ::diesel::pg::Pg>) -> ::diesel::QueryResult<()> {
                #[allow(unused_mut)]
                let mut text = $crate::StatementText::new($text);
                $( text.bind::<$sql, $rust>(&mut out, &self.$field)?; )*
                text.end(&mut out);
                Ok(())
            }
        }
    };
}

/// Passes a text that contains `$1, $2, …` to diesel in pieces, so that diesel writes the placeholders itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct StatementText {
    rest: &'static str,
    bound: usize,
}

impl StatementText {
    /// Starts at the beginning of `text`.
    pub fn new(text: &'static str) -> Self {
        Self { rest: text, bound: 0 }
    }

    /// Pushes the text before the next parameter and binds the parameter. Fails if the rest of the text does not contain it.
    pub fn bind<'b, T, U>(&mut self, out: &mut AstPass<'_, 'b, Pg>, value: &'b U) -> QueryResult<()>
    where
        Pg: HasSqlType<T>,
        U: ToSql<T, Pg>,
    {
        self.bound += 1;
        let (before, after) = split(self.rest, self.bound).ok_or_else(|| {
            diesel::result::Error::QueryBuilderError(format!("the statement has no ${} after its previous parameter", self.bound).into())
        })?;
        out.push_sql(before);
        out.push_bind_param::<T, U>(value)?;
        self.rest = after;
        Ok(())
    }

    /// Pushes the text after the last parameter.
    pub fn end(self, out: &mut AstPass<'_, '_, Pg>) {
        out.push_sql(self.rest);
    }
}

/// Returns the text before and after the first `$number`, or `None` if it does not occur.
fn split(text: &'static str, number: usize) -> Option<(&'static str, &'static str)> {
    let marker = format!("${number}");
    text.match_indices(&marker).find_map(|(start, _)| {
        let after = text.get(start + marker.len()..)?;
        (!after.starts_with(|c: char| c.is_ascii_digit())).then_some((text.get(..start)?, after))
    })
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::sql_types::Integer;

    statement! {
        struct Sum { left: Integer = i32, right: Integer = i32 } -> (Integer,);
        "SELECT $1 + $2 + $1"
    }

    #[test]
    fn parameters_are_bound_where_the_text_mentions_them() {
        let query = Sum { left: 1, right: 2 };
        assert_eq!(debug_query::<diesel::pg::Pg, _>(&query).to_string(), "SELECT $1 + $2 + $1 -- binds: [1, 2]");
        assert_eq!(super::split("a $10 b $1 c", 1), Some(("a $10 b ", " c")));
    }
}
