-- cache.sqlite as starttls-listtool 0.2.0 writes it: the policy of a domain.
CREATE TABLE domains (
  domain TEXT PRIMARY KEY NOT NULL,
  policy_text TEXT,
  policy_id TEXT,
  fetched INTEGER,
  failure TEXT,
  failure_reason TEXT,
  failure_id TEXT,
  failing_since INTEGER,
  failed_last INTEGER,
  failures INTEGER,
  next_fetch INTEGER NOT NULL,
  expires INTEGER,
  told TEXT,
  interest_ends INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX domains_by_next_fetch ON domains (next_fetch, expires) WHERE expires IS NOT NULL;
CREATE INDEX domains_by_interest ON domains (interest_ends);
CREATE TABLE totals (
  domains INTEGER NOT NULL,
  policies_version INTEGER NOT NULL
);
INSERT INTO totals VALUES (0, abs(random() / 2));
CREATE TRIGGER domain_came AFTER INSERT ON domains BEGIN
  UPDATE totals SET domains = domains + 1;
END;
CREATE TRIGGER domain_went AFTER DELETE ON domains BEGIN
  UPDATE totals SET domains = domains - 1;
END;

ALTER TABLE totals ADD COLUMN failing INTEGER NOT NULL DEFAULT 0;
UPDATE totals SET failing = (SELECT count(*) FROM domains WHERE expires IS NULL);
CREATE INDEX domains_failing ON domains (next_fetch) WHERE expires IS NULL;
CREATE INDEX domains_by_end ON domains (expires) WHERE expires IS NOT NULL;
CREATE TRIGGER failing_came AFTER INSERT ON domains WHEN new.expires IS NULL BEGIN
  UPDATE totals SET failing = failing + 1;
END;
CREATE TRIGGER failing_went AFTER DELETE ON domains WHEN old.expires IS NULL BEGIN
  UPDATE totals SET failing = failing - 1;
END;
CREATE TRIGGER failing_changed AFTER UPDATE ON domains
    WHEN (old.expires IS NULL) <> (new.expires IS NULL) BEGIN
  UPDATE totals SET failing = failing + (new.expires IS NULL) - (old.expires IS NULL);
END;
INSERT INTO domains VALUES ('known.test', 'version: STSv1
mode: enforce
mx: mx.known.test
max_age: 31557600
', 'a1', 1795305600000, NULL, NULL, NULL, NULL, NULL, NULL, 1795392000000, 1826863200000, 'enforce mx.known.test',
  1827468000000);
PRAGMA application_id = 1398033202;
PRAGMA user_version = 2;
