ALTER TABLE bookings ADD FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id);
