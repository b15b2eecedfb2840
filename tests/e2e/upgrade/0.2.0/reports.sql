-- reports.sqlite as tlsrpt-report 0.2.0 writes it: a report of another organization, and one of our own that waits.
CREATE TABLE reports (
  id INTEGER PRIMARY KEY,
  identity INTEGER NOT NULL,
  begin INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  received INTEGER NOT NULL,
  successful INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  organization TEXT NOT NULL,
  contact TEXT NOT NULL,
  report_id TEXT NOT NULL,
  json_gzip BLOB NOT NULL,
  reporter TEXT NOT NULL,
  authenticated INTEGER NOT NULL,
  size INTEGER NOT NULL,
  unsigned_identity INTEGER,
  report_domain TEXT NOT NULL DEFAULT '',
  UNIQUE (begin, identity)
);
CREATE TABLE policies (
  report INTEGER NOT NULL,
  number INTEGER NOT NULL,
  policy_type TEXT NOT NULL,
  policy_domain TEXT NOT NULL,
  policy_strings TEXT NOT NULL,
  mx_hosts TEXT NOT NULL,
  successful INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  PRIMARY KEY (report, number)
) WITHOUT ROWID;
CREATE TABLE failures (
  report INTEGER NOT NULL,
  policy INTEGER NOT NULL,
  number INTEGER NOT NULL,
  result_type TEXT NOT NULL,
  sending_mta_ip TEXT NOT NULL,
  receiving_mx_hostname TEXT NOT NULL,
  receiving_mx_helo TEXT NOT NULL,
  receiving_ip TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  additional_information TEXT NOT NULL,
  failure_reason_code TEXT NOT NULL,
  PRIMARY KEY (report, policy, number)
) WITHOUT ROWID;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  report_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  policy_domain TEXT NOT NULL,
  submitter TEXT NOT NULL,
  sender TEXT NOT NULL,
  file_name TEXT NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  next_try INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  reason TEXT NOT NULL,
  json_gzip BLOB NOT NULL,
  UNIQUE (report_id, destination)
);

CREATE INDEX reports_by_unsigned_identity ON reports (begin, unsigned_identity)
  WHERE unsigned_identity IS NOT NULL;
CREATE INDEX reports_by_arrival ON reports (received);
CREATE INDEX reports_by_reporter ON reports (reporter, authenticated);
CREATE TABLE reporters (
  name TEXT NOT NULL,
  authenticated INTEGER NOT NULL,
  since INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (name, authenticated)
) WITHOUT ROWID;
CREATE INDEX reporters_by_size ON reporters (authenticated, bytes);
CREATE TRIGGER report_added AFTER INSERT ON reports BEGIN
  INSERT INTO reporters VALUES (NEW.reporter, NEW.authenticated, NEW.received, NEW.size)
  ON CONFLICT (name, authenticated) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER report_removed AFTER DELETE ON reports BEGIN
  UPDATE reporters SET bytes = bytes - OLD.size WHERE name = OLD.reporter AND authenticated = OLD.authenticated;
  DELETE FROM reporters WHERE name = OLD.reporter AND authenticated = OLD.authenticated AND bytes <= 0;
END;

CREATE TABLE mx_hosts (
  policy_domain TEXT NOT NULL,
  host TEXT NOT NULL,
  seen INTEGER NOT NULL,
  PRIMARY KEY (policy_domain, host)
) WITHOUT ROWID;
CREATE TABLE publications (
  policy_domain TEXT NOT NULL,
  kind TEXT NOT NULL,
  seen INTEGER NOT NULL,
  missed INTEGER,
  PRIMARY KEY (policy_domain, kind)
) WITHOUT ROWID;
INSERT INTO reports VALUES (1, 4711, 1795305600000, 1795391999000, 1795400000000, 5, 1, 'Reporter', 'mailto:tls@reporter.test',
  'one@reporter.test', X'1f8b08000000000002037592d16e83300c457f05e57941c0d66ae569dfb0f6a953354589619148821253c1aafdfb6c682baded4424827d72b1af731221b6cadb6f853678e995035167e21dfa1011a278ca845108322adf72e62412aa8892836817b82aaab52c4b5955bba2a8e7b5e783e0cd7f5cf55caf36b4f6e287401d3c2a8dd2fa2630e894ed30d4d8a5b7782e244748c8a24b405ac360f0704ff4a1b3da4222e0e3b47c4d73e5cb56e2d4cfe5244c577c9226d05f3dc76154aeefe0afde241346eb5b1615478889dcaab3ed6e7b2c9971c1409d01d51f35cc81b1cedc98df6a39357eaa96d075f1f25a14e230a3f22b509a956f8f1cd89e3438a7e2d20306549d4c83d6905233d096de3c391d06cf1a2b3ab0400db93844b8234ad6bc240d20edce5e4548438757833444b48dd53c7f187b1bc1700f89e64a4e48874ada9ec17253e5455ee59b65401aec710696c62e77ea811d5c059807151ee8f9053e2cbc419b020000',
  'reporter', 0, 900, NULL, '');
INSERT INTO policies VALUES (1, 0, 'sts', 'example.test', 'version: STSv1
mode: enforce
mx: mx.example.test
max_age: 604800', 'mx.example.test', 5, 1);
INSERT INTO failures VALUES (1, 0, 0, 'certificate-expired', '192.0.2.9', 'mx.example.test', '', '', 1, '', '');
INSERT INTO deliveries VALUES (1, 'ours@example.test', 'mailto:tls@asker.test', 'example.test', 'example.test',
  'tls@example.test', 'example.test!example.test!1795305600!1795391999.json.gz', 'waiting', 1795400000000, 1795400000000, 2,
  'connection refused', X'1f8b08000000000002037592d16e83300c457f05e57941c0d66ae569dfb0f6a953354589619148821253c1aafdfb6c682baded4424827d72b1af731221b6cadb6f853678e995035167e21dfa1011a278ca845108322adf72e62412aa8892836817b82aaab52c4b5955bba2a8e7b5e783e0cd7f5cf55caf36b4f6e287401d3c2a8dd2fa2630e894ed30d4d8a5b7782e244748c8a24b405ac360f0704ff4a1b3da4222e0e3b47c4d73e5cb56e2d4cfe5244c577c9226d05f3dc76154aeefe0afde241346eb5b1615478889dcaab3ed6e7b2c9971c1409d01d51f35cc81b1cedc98df6a39357eaa96d075f1f25a14e230a3f22b509a956f8f1cd89e3438a7e2d20306549d4c83d6905233d096de3c391d06cf1a2b3ab0400db93844b8234ad6bc240d20edce5e4548438757833444b48dd53c7f187b1bc1700f89e64a4e48874ada9ec17253e5455ee59b65401aec710696c62e77ea811d5c059807151ee8f9053e2cbc419b020000');
INSERT INTO mx_hosts VALUES ('example.test', 'mx.example.test', 1795400000000);
PRAGMA application_id = 1398033234;
PRAGMA user_version = 3;
