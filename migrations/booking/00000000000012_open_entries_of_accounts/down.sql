DROP INDEX waitlist_open_of_account;
