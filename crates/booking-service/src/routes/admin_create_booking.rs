//! `POST /admin/events/{eventId}/bookings`: books for a guest who has no account, or for an account.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{AccountId, BookingId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{Email, PersonName, Title};
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, Organiser};
use rowlock_inventory::Command;
use rowlock_inventory::command::{Book, ByAdministrator};
use rowlock_inventory::views::Holder;
use utoipa::ToSchema;

use super::command::{CommandBody, check_command, require_min_quantity_below, run};
use super::examples;
use super::targets::{event_in_path, ticket_type_to_book};
use crate::resources::{BookedResponse, WaitlistedResponse};
use crate::state::AppState;

/// The guest (`name` and `email`) or the account (`accountId`), and the number of tickets. Exactly one of the two.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct BookForPerson {
    /// Name of the guest. At least one visible character; no control characters. Invisible characters are allowed only where
    /// they shape visible ones.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<PersonName>,
    /// E-mail address of the guest, which gets a link to the tickets. It may be the address of an account, but the booking does not
    /// belong to that account. The domain must contain a dot, unless the setting `accounts.allow_local_email_domains` allows others.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 254, format = "email")]
    email: Option<Email>,
    /// The account to which the booking belongs, with its present name and e-mail address.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    account_id: Option<AccountId>,
    /// Required if the event has several ticket types.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    ticket_type_id: Option<TicketTypeId>,
    /// Number of tickets. At most `maxPerBooking` of the ticket type.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100, default = 1)]
    quantity: Option<Quantity>,
    /// The smallest number of tickets to take, at most `quantity`; see `POST /api/book`.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    min_quantity: Option<Quantity>,
    /// If false, the response is 409 `sold-out` instead of an entry in the waiting list.
    #[deserr(default)]
    #[schema(default = true)]
    join_waitlist: Option<bool>,
    /// Recorded in the audit log. Must not contain personal data.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    reason: Option<Title>,
}

impl CommandBody for BookForPerson {
    fn check_rules(body: &mut JsonBody<Self>, state: &AppState) {
        let for_account = body.has("accountId");
        for field in ["name", "email"] {
            if for_account {
                body.forbid(field, "must not be given together with accountId");
            } else if !body.has(field) {
                body.add_error(field, "is required, unless accountId is given");
            }
        }
        if let Some(Err(error)) = body.peek::<Email>("email").map(|email| state.email_domains.admit(email)) {
            body.add_error("email", error.to_string());
        }
        let quantity = body.peek::<Option<Quantity>>("quantity").map(|quantity| quantity.unwrap_or(Quantity::ONE));
        require_min_quantity_below(body, quantity);
    }
}

route_problems!(
    CreateProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::SoldOut,
        ProblemCode::AlreadyWaiting,
        ProblemCode::AccountLimit,
        ProblemCode::AccountNotFound,
        ProblemCode::SalesClosed,
        ProblemCode::EventCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Book for a guest who has no account, or for an account.
///
/// The same rules apply as for `POST /api/book`, and the booking has no priority over the waiting list. It is confirmed at once, also
/// if the event has `checkoutMinutes`. The audit log records the administrator and the reason.
///
/// A guest gets a generated account id, which belongs to no account, and an e-mail with a link that shows and returns the tickets;
/// see `X-Guest-Token`. A guest on the waiting list is confirmed at once when it is promoted, also if the event has `offerMinutes`,
/// because a guest cannot accept an offer. An account is treated as if it had booked or joined the waiting list itself.
#[utoipa::path(
    post,
    path = "/admin/events/{eventId}/bookings",
    operation_id = "adminCreateBooking",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), IdempotencyKeyHeader),
    request_body(content = BookForPerson, examples(
        ("a guest" = (summary = "Two tickets for a guest", value = json!(examples::book_for_guest()))),
        ("an account" = (summary = "Two tickets for an account", value = json!(examples::book_for_account())))
    )),
    responses(
        (
            status = 201,
            description = "The tickets are booked.",
            body = BookedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"status": "confirmed", "booking": examples::booking()})
        ),
        (
            status = 202,
            description = "There are not enough tickets. The guest or the account was placed on the waiting list.",
            body = WaitlistedResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"status": "waitlisted", "waitlistEntry": examples::waitlist_entry()})
        ),
        CreateProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn create_booking(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<BookForPerson>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let event = event_in_path(&path)?;
    let ticket_type = ticket_type_to_book(&state, event, body.ticket_type_id).await?;
    let for_guest = body.account_id.is_none();
    let holder = match (body.account_id, body.name, body.email) {
        (Some(account), _, _) => state.accounts.holder(account).await?,
        (None, Some(name), Some(email)) => {
            Holder { account: AccountId::from_uuid(state.clock.uuid()), name: name.into_string(), email: email.into_string() }
        }
        // The rules of the body require both.
        (None, _, _) => return Err(Problem::invalid_field("name", "is required, unless accountId is given")),
    };
    let command = Command::Book(Book {
        key: TypeKey { event, ticket_type },
        holder,
        quantity: body.quantity.unwrap_or(Quantity::ONE),
        min_quantity: body.min_quantity,
        join_waitlist: body.join_waitlist.unwrap_or(true),
        booking: BookingId::from_uuid(state.clock.uuid()),
        entry: WaitlistEntryId::from_uuid(state.clock.uuid()),
        idempotency,
        administrator: Some(Box::new(ByAdministrator { actor: admin.actor(), reason: body.reason })),
        for_guest,
    });
    run(&state, command).await
}
