// Accounts, events and bookings for the stories, made through the public API.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

export const PASSWORD = "correct horse 42";
/** How long a token is used. The services of the tests issue tokens for 30 seconds. */
const TOKEN_MS = 10_000;

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set. Run the tests with 'make test-web'.`);
  return value;
}

/** The address of the site. */
export const site = required("ROWLOCK_URL");

/** Returns a text that no other test uses. */
export const unique = (text) => `${text} ${randomBytes(4).toString("hex")}`;

/** Sends a request; fails unless it succeeds. */
export async function call(method, path, { token, body } = {}) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(new URL(path, site), { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

class Account {
  #token;
  #issued = 0;

  constructor(name, email, password, loginPath) {
    Object.assign(this, { name, email, password, loginPath });
  }

  async token() {
    if (!this.#token || Date.now() - this.#issued > TOKEN_MS) {
      const login = { email: this.email, password: this.password };
      this.#token = (await call("POST", this.loginPath, { body: login })).token;
      this.#issued = Date.now();
    }
    return this.#token;
  }

  async call(method, path, body) {
    return call(method, path, { token: await this.token(), body });
  }

  /** Books tickets, or joins the waiting list if there are not enough. Returns the booking or the entry. */
  async book(event, quantity = 1, ticketTypeId = undefined) {
    const body = { eventId: event.id, quantity, ticketTypeId, joinWaitlist: true };
    const { booking, waitlistEntry } = await this.call("POST", "/api/book", body);
    return booking ?? waitlistEntry;
  }

  async bookings() {
    return (await this.call("GET", "/api/bookings?limit=100")).items.filter(({ status }) => status === "confirmed");
  }

  /** The tickets of a booking with their codes. */
  async tickets(booking) {
    return (await this.call("GET", `/api/bookings/${booking.id}/tickets`)).items;
  }

  /** The bookings that are reserved for the account. */
  async reservations() {
    return (await this.call("GET", "/api/bookings?limit=100")).items.filter(({ status }) => status === "reserved");
  }

  /** Offers tickets to somebody else. */
  async offer(booking, quantity = 1, toEmail = "someone@example.org") {
    return (await this.call("POST", "/api/transfers", { bookingId: booking.id, quantity, toEmail })).transfer;
  }

  /** The transfers that the account has offered or accepted, newest first. */
  async transfers() {
    return (await this.call("GET", "/api/transfers?limit=100")).items;
  }

  async giveBack(booking, quantity = booking.quantity) {
    return this.call("POST", "/api/cancelbooking", { bookingId: booking.id, quantity });
  }
}

/** Creates an account. */
export async function newPerson(name = "Ada Lovelace") {
  const username = `${name.split(" ")[0].toLowerCase().slice(0, 20)}${randomBytes(6).toString("hex")}`;
  const email = `${username}@example.org`;
  await call("POST", "/api/createaccount", { body: { name, username, email, password: PASSWORD } });
  return new Account(name, email, PASSWORD, "/api/loginaccount");
}

/** The administrator, who is the organizer of all events. */
export const organizer = new Account("Root", required("ROWLOCK_ADMIN_EMAIL"), required("ROWLOCK_ADMIN_PASSWORD"), "/admin/loginaccount");

/** Creates an administrator who may only check people in. */
export async function newDoorkeeper(name = "Dora Keeper") {
  const username = `door${randomBytes(6).toString("hex")}`;
  const email = `${username}@example.org`;
  await organizer.call("POST", "/admin/createaccount", { name, username, email, password: PASSWORD, adminRole: "door" });
  return new Account(name, email, PASSWORD, "/admin/loginaccount");
}

const ticketType = (name, totalTickets, minor, more) => ({ name, totalTickets, price: { amountMinor: minor, currency: "EUR" }, ...more });

/** Creates an event of one ticket type, unless `fields` says otherwise. */
export async function newEvent({ name = "Harbor Concert", tickets = 20, ...fields } = {}) {
  const event = {
    name: unique(name),
    venue: "Old Harbor Hall, Hamburg",
    startsAt: "2099-07-10T18:00:00Z",
    endsAt: "2099-07-10T21:00:00Z",
    description: "A brass band, a choir and **lanterns**.",
    ticketTypes: [ticketType("Stalls", tickets, 1250)],
    ...fields,
  };
  return organizer.call("POST", "/admin/initialize", event);
}

/** An event whose tickets are all taken. Returns it with its holder and the booking. */
export async function soldOutEvent({ tickets = 1, ...fields } = {}) {
  const [event, holder] = await Promise.all([newEvent({ tickets, ...fields }), newPerson("Grace Hopper")]);
  return { event, holder, booking: await holder.book(event, tickets) };
}

/** Runs SQL in the database of booking-service or in another one, and returns its output. */
function runSql(sql, database = "ROWLOCK_BOOKING_DATABASE_URL") {
  const url = required(database);
  return execFileSync("psql", ["-X", "-A", "-t", "-1", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], { encoding: "utf8" }).trim();
}

/** Changes one row of the database of booking-service. */
function changeRow(sql) {
  const result = runSql(sql);
  if (result !== "UPDATE 1") throw new Error(`${sql}: ${result}`);
}

/** Replaces the sales timeline of a sold-out event: on each of so many days, two single tickets were returned and sold again. */
export function letTicketsHaveReturned({ id }, days = 12) {
  const at = (age) => `date_trunc('minute', now()) - ${age}`;
  const columns = "event_id, ticket_type_id, minute, booked, returned, promoted, promotions, joined, withdrawn";
  runSql(`
    DELETE FROM sales_progress WHERE event_id = '${id}';
    INSERT INTO sales_progress (event_id, ticket_type_id, sequence, minute, initial_capacity)
      SELECT event_id, id, version, date_trunc('minute', now()), capacity FROM ticket_types WHERE event_id = '${id}';
    INSERT INTO sales_minutes (${columns})
      SELECT event_id, id, ${at(`make_interval(days => ${days}, hours => 23)`)}, booked, 0, 0, 0, waiting, 0
        FROM ticket_types WHERE event_id = '${id}'
      UNION ALL
      SELECT event_id, t.id, ${at("make_interval(days => d, hours => n)")}, 1, 1, 0, 0, 0, 0
        FROM ticket_types t, generate_series(0, ${days - 1}) d, generate_series(1, 2) n WHERE event_id = '${id}'`);
}

/** Lets the time of a reservation or an offer run out now, because a story cannot wait for minutes. */
export function letTimeRunOut({ id }) {
  changeRow(`UPDATE bookings SET expires_at = clock_timestamp() WHERE id = '${id}' AND status = 'reserved'`);
}

/** Stores a mail about a booking that was not sent or may not have been: `failed` or `unclear`. */
export function storeUnsentMail(status, { id }, event, detail) {
  const data = JSON.stringify({ eventId: event.id, quantity: 1, remaining: 1 });
  runSql(`
    INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, settled_at, detail)
      VALUES (gen_random_uuid(), '${id}', 'email', 'confirmed', '${data}', false, '${status}', 1, now(), '${detail}')`,
    "ROWLOCK_NOTIFIER_DATABASE_URL");
}

/** The page behind the link in the e-mail of a pending transfer. Its secret is replaced, because only the e-mail has it. */
export function linkOf({ id }) {
  const token = randomBytes(16).toString("hex");
  changeRow(`UPDATE transfers SET token_hash = sha256('${token}') WHERE id = '${id}' AND status = 'pending'`);
  return `/transfers/${id}?token=${token}`;
}

/** Books for a guest without an account, to whom a link is sent. Returns the name and the address. */
export async function newGuest(event, quantity = 1, name = unique("Emmy Noether"), ticketTypeId = event.ticketTypes[0].id) {
  const email = `guest${randomBytes(6).toString("hex")}@example.org`;
  await organizer.call("POST", `/admin/events/${event.id}/bookings`, { name, email, quantity, ticketTypeId });
  return { name, email };
}

/** The event as it is now. Public responses may be a moment older. */
export const read = (event) => organizer.call("GET", `/admin/events/${event.id}`);

export { ticketType };
