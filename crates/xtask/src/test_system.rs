//! A complete private system for one test run: PostgreSQL, RabbitMQ, debug builds of the services, and the gateway. It is removed
//! after the run.

use std::path::PathBuf;

use crate::{
    api::{Api, Login},
    checkout::Checkout,
    failure::Result,
    files,
    gateway::Upstreams,
    ports,
    private::{Durability, PrivateServers, Running, folder_of_run},
    services::{AUTH, BOOKING, SERVICES},
    shell::step,
    system::{System, build_services},
    tools::{self, Server},
};

/// A running system; dropping it stops it and deletes its data.
#[derive(Debug)]
pub(crate) struct TestSystem {
    running: Running,
    pub(crate) api: Api,
    pub(crate) admin: Login,
    /// The folder of the programs.
    pub(crate) programs: PathBuf,
}

/// Settings of one service: names of variables with their values.
pub(crate) type Settings = &'static [(&'static str, &'static str)];

/// Returns settings of a service that are only for tests: neither the cost of a hash nor the rate limits are tested.
fn test_settings(name: &str) -> Settings {
    if name == AUTH.name {
        &[
            ("ROWLOCK__PASSWORDS__BCRYPT_COST", "4"),
            ("ROWLOCK__LIMITS__WRONG_PASSWORD_WAIT_MS", "0"),
            ("ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT", "0"),
            ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_EMAIL", "0"),
        ]
    } else if name == BOOKING.name {
        &[("ROWLOCK__LIMITS__BOOK_PER_ACCOUNT", "0")]
    } else {
        &[]
    }
}

impl TestSystem {
    pub(crate) fn start(checkout: &Checkout) -> Result<Self> {
        Self::start_with(checkout, |_| &[])
    }

    /// Like [`start`](Self::start), with further settings of the services, by their names.
    pub(crate) fn start_with(checkout: &Checkout, settings: fn(&str) -> Settings) -> Result<Self> {
        tools::need(checkout, &[Server::Postgres, Server::RabbitMq, Server::Nginx])?;
        let programs = build_services(checkout)?;
        let folder = folder_of_run(checkout)?;
        step!("Starting PostgreSQL, RabbitMQ, the services and the gateway");
        let running = Running::start(PrivateServers::in_folder(checkout, folder, Durability::None))?;
        running.0.prepare_databases(&programs, &crate::services::SERVICES)?;
        let system = &running.0.system;
        let admin = Login { email: "root@example.org".to_owned(), password: files::random_password()? };
        system.create_admin(&programs, &admin, "root", "Root")?;
        for service in &SERVICES {
            system.serve(&programs, service, &[test_settings(service.name), settings(service.name)].concat())?;
        }
        for service in &SERVICES {
            system.wait_for(service)?;
        }
        system.start_private_gateway(&Upstreams::of(system)?)?;
        system.wait_for_gateway()?;
        let api = Api::new(&system.local_url(ports::GATEWAY)?);
        Ok(Self { running, api, admin, programs })
    }

    pub(crate) fn system(&self) -> &System {
        &self.running.0.system
    }
}
