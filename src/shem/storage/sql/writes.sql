-- How the operations of protocol.py change the tables, as triggers on one view that exists only in the writer's connection.
--
-- Why so: a whole group of lists becomes ONE statement, INSERT INTO temp.op VALUES (...), (...), ... , applied row by row in
-- the order of submission, and without an explicit transaction also begun and committed by that one statement. Between two
-- statements a Python thread competes for the interpreter lock, and next to a busy thread each competition is lost for a
-- whole switch interval (5 ms): 192 rows took 250 ms as 192 statements, 16 ms as three, and take 6 ms as one.
--
-- A RAISE undoes the statement and reaches the submitter as Fenced. A row whose kind is 0 pads the statement and does nothing.
-- Columns: kind of operation; agent; number; key; data and its checksum; fields, a JSON object for whole rows.

CREATE TEMP VIEW op AS
    SELECT 0 AS kind, 0 AS agent, 0 AS number, '' AS key, x'' AS data, 0 AS checksum, '' AS fields;

-- AppendOplog, one row per entry. An oplog has no gaps, and only that of a living agent has a first entry:
-- so the entry before, or the agent for the first one, is all there is to look at.
CREATE TEMP TRIGGER append_oplog INSTEAD OF INSERT ON op WHEN NEW.kind = 1 BEGIN
    SELECT RAISE(ABORT, 'oplog of agent ' || NEW.agent || ': no entry before index ' || NEW.number)
        WHERE NEW.number > 1
        AND NOT EXISTS (SELECT 1 FROM main.oplog WHERE agent = NEW.agent AND idx = NEW.number - 1);
    SELECT RAISE(ABORT, 'agent ' || NEW.agent || ' is gone')
        WHERE NEW.number <= 1 AND NOT EXISTS (SELECT 1 FROM main.agent WHERE agent = NEW.agent);
    SELECT RAISE(ABORT, 'oplog indices begin with 1, not ' || NEW.number) WHERE NEW.number < 1;
    INSERT INTO oplog VALUES (NEW.agent, NEW.number, NEW.checksum, NEW.data);
END;

-- PutResult: the first result of a key is the only one.
CREATE TEMP TRIGGER put_result INSTEAD OF INSERT ON op WHEN NEW.kind = 2 BEGIN
    SELECT RAISE(ABORT, 'agent ' || NEW.agent || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.agent WHERE agent = NEW.agent);
    INSERT INTO result VALUES (NEW.agent, NEW.key, NEW.number);
END;

-- TakeInbox.
CREATE TEMP TRIGGER take_inbox INSTEAD OF INSERT ON op WHEN NEW.kind = 3 BEGIN
    DELETE FROM inbox WHERE agent = NEW.agent AND key = NEW.key;
END;

-- PutInbox. seq is one more than the largest that is queued, so it grows for as long as anything waits.
CREATE TEMP TRIGGER put_inbox INSTEAD OF INSERT ON op WHEN NEW.kind = 4 BEGIN
    SELECT RAISE(ABORT, 'agent ' || NEW.agent || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.agent WHERE agent = NEW.agent);
    SELECT RAISE(ABORT, 'agent ' || NEW.agent || ' has a result for key ' || NEW.key)
        WHERE EXISTS (SELECT 1 FROM main.result WHERE agent = NEW.agent AND key = NEW.key);
    INSERT INTO inbox (agent, key, checksum, payload) VALUES (NEW.agent, NEW.key, NEW.checksum, NEW.data);
END;

-- SetStatus. Writing the same status again touches no page.
CREATE TEMP TRIGGER set_status INSTEAD OF INSERT ON op WHEN NEW.kind = 5 BEGIN
    SELECT RAISE(ABORT, 'agent ' || NEW.agent || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.agent WHERE agent = NEW.agent);
    UPDATE agent SET status = NEW.key WHERE agent = NEW.agent AND status <> NEW.key;
END;

-- PutAgent. The key must have been handed out, else it could be handed out again.
CREATE TEMP TRIGGER put_agent INSTEAD OF INSERT ON op WHEN NEW.kind = 6 BEGIN
    SELECT RAISE(ABORT, 'agent key ' || NEW.agent || ' was never handed out')
        WHERE NEW.agent < 1 OR NEW.agent > (SELECT value FROM main.counter WHERE name = 'agent');
    SELECT RAISE(ABORT, 'environment ' || NEW.number || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.environment WHERE environment = NEW.number);
    INSERT INTO agent VALUES (
        NEW.agent, NEW.number, NEW.fields ->> 'component', NEW.fields ->> 'type', NEW.key, NEW.fields ->> 'mode',
        NEW.fields ->> 'version', NEW.fields ->> 'status', NEW.fields ->> 'created_at_ns', NEW.data
    );
END;

-- DeleteAgent: everything that belongs to it.
CREATE TEMP TRIGGER delete_agent INSTEAD OF INSERT ON op WHEN NEW.kind = 7 BEGIN
    SELECT RAISE(ABORT, 'agent ' || NEW.agent || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.agent WHERE agent = NEW.agent);
    DELETE FROM agent WHERE agent = NEW.agent;
    DELETE FROM oplog WHERE agent = NEW.agent;
    DELETE FROM inbox WHERE agent = NEW.agent;
    DELETE FROM result WHERE agent = NEW.agent;
END;

-- PutComponent.
CREATE TEMP TRIGGER put_component INSTEAD OF INSERT ON op WHEN NEW.kind = 8 BEGIN
    SELECT RAISE(ABORT, 'environment ' || NEW.number || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.environment WHERE environment = NEW.number);
    INSERT INTO component VALUES (
        NEW.fields ->> 'component', NEW.number, NEW.key, NEW.fields ->> 'created_at_ns'
    );
END;

-- PutVersion: 0, 1, 2 ... of a component; two deployments at once cannot both be the next.
CREATE TEMP TRIGGER put_version INSTEAD OF INSERT ON op WHEN NEW.kind = 9 BEGIN
    SELECT RAISE(ABORT, 'component ' || NEW.key || ' is gone')
        WHERE NOT EXISTS (SELECT 1 FROM main.component WHERE component = NEW.key);
    SELECT RAISE(ABORT, 'version ' || NEW.number || ' is not the next one of component ' || NEW.key)
        WHERE NEW.number <> (SELECT COALESCE(MAX(version) + 1, 0) FROM main.version WHERE component = NEW.key);
    INSERT INTO version VALUES (
        NEW.key, NEW.number, NEW.fields ->> 'wasm', NEW.fields ->> 'files', NEW.data,
        UNHEX(NEW.fields ->> 'agent_types'), NEW.fields ->> 'created_at_ns'
    );
END;

-- Not an operation of the protocol: hand out the next agent keys.
CREATE TEMP TRIGGER reserve_agents INSTEAD OF INSERT ON op WHEN NEW.kind = 10 BEGIN
    UPDATE counter SET value = value + NEW.number WHERE name = 'agent';
END;
