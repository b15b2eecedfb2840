-- dane.sqlite as starttls-listtool 0.2.0 writes it: that every MX host of a domain has usable TLSA records.
CREATE TABLE results (
  domain TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  proven INTEGER NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX results_until ON results (until);
INSERT INTO results VALUES ('dane.test', 'all', '', 1795500000, 1795590000);
PRAGMA application_id = 1398031446;
PRAGMA user_version = 1;
