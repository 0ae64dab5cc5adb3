DROP INDEX events_running;
