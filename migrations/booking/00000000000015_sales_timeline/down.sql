DROP TABLE sales_pending;
DROP TABLE sales_minutes;
DROP TABLE sales_progress;
