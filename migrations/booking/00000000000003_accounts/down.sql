DROP TABLE audit_log;
DROP FUNCTION refuse_change;
DROP TABLE account_states;
