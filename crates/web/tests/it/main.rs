//! Integration tests: the web service against a real auth-service and booking-service.

mod stand_in;
mod support;

mod booking;
mod booking_tickets;
mod checkin;
mod dashboard;
mod desk;
mod desk_charts;
mod desk_mails;
mod desk_reservations;
mod desk_transfers;
mod desk_webhooks;
mod desk_webhooks_real;
mod dev_mail;
mod frame;
mod guest;
mod live;
mod mail;
mod personal;
mod reservations;
mod safety;
mod second_factor;
mod sessions;
mod sharing;
mod transfers;
