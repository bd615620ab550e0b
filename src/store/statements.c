/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): each has its name, none can run into the next */
const char *const statement_sql[_STATEMENT_MAX] = {
                [STATEMENT_BEGIN] = "BEGIN",
                [STATEMENT_COMMIT] = "COMMIT",
                [STATEMENT_TOTALS_READ] = "SELECT * FROM totals",
                [STATEMENT_TOTALS_WRITE] = "UPDATE totals SET next_seq=?1, next_incoming=?2,"
                                           " n_spooled=?3, spooled_bytes=?4,"
                                           " n_incoming=?5, incoming_bytes=?6, known_seq=?7,"
                                           " n_fates=?8, clock_msec=?9, boot_id=?10,"
                                           " boot_msec=?11, wall_msec=?12",

                [STATEMENT_SPOOL_PUT] = "INSERT INTO spool VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                [STATEMENT_SPOOL_DELETE] = "DELETE FROM spool WHERE seq=?1"
                                           " RETURNING size, topic, route, when_full",
                [STATEMENT_SPOOL_READ] =
                                "SELECT seq, topic, payload, 1, expires, route, accepted,"
                                " when_full FROM spool WHERE seq>=?1 ORDER BY seq LIMIT ?2",
                [STATEMENT_SPOOL_FIRST] = "SELECT seq, size FROM spool ORDER BY seq LIMIT 1",
                [STATEMENT_SPOOL_LAST] = "SELECT seq, size FROM spool ORDER BY seq DESC LIMIT 1",
                [STATEMENT_SPOOL_HAS] = "SELECT 1 FROM spool WHERE seq=?1",
                [STATEMENT_SPOOL_OLDEST] =
                                "SELECT seq, size FROM spool INDEXED BY spool_to_drop"
                                " WHERE when_full=1 AND route=?1 AND seq>?2 ORDER BY seq",
                [STATEMENT_SPOOL_LATEST] = "SELECT size, topic FROM spool"
                                           " WHERE seq=?1 AND route=?2 AND when_full=2",

                [STATEMENT_OUTDATED_PUT] = "INSERT OR IGNORE INTO outdated VALUES(?1, ?2, ?3)",
                [STATEMENT_OUTDATED_DELETE] = "DELETE FROM outdated WHERE route=?1 AND seq=?2",
                [STATEMENT_OUTDATED_OF_TOPIC] =
                                "SELECT s.seq, s.size FROM outdated o INDEXED BY outdated_by_topic"
                                " CROSS JOIN spool s ON s.seq=o.seq"
                                " WHERE o.route=?1 AND o.seq>?2 AND o.hash=?3 ORDER BY o.seq",
                [STATEMENT_OUTDATED_OF_ROUTE] =
                                "SELECT s.seq, s.size FROM outdated o"
                                " CROSS JOIN spool s ON s.seq=o.seq"
                                " WHERE o.route=?1 AND o.seq>?2 AND o.hash<>?3 ORDER BY o.seq",

                [STATEMENT_FATE_PUT] = "REPLACE INTO fates VALUES(?1, ?2)",
                [STATEMENT_FATE_DELETE] = "DELETE FROM fates WHERE seq=?1 RETURNING 1",
                [STATEMENT_FATE_DELETE_FIRST] = "DELETE FROM fates WHERE"
                                                " seq=(SELECT min(seq) FROM fates) RETURNING seq",
                [STATEMENT_FATE_GET] = "SELECT why FROM fates WHERE seq=?1",
                [STATEMENT_GAP_PUT] = "INSERT INTO gaps VALUES(?1, ?2)",
                [STATEMENT_GAP_EXTEND] = "UPDATE gaps SET next=?2 WHERE next=?1 AND"
                                         " first=(SELECT max(first) FROM gaps) RETURNING 1",
                [STATEMENT_GAP_DELETE_FIRST] = "DELETE FROM gaps WHERE"
                                               " first=(SELECT min(first) FROM gaps) AND"
                                               " (SELECT count(*) FROM gaps)>?1 RETURNING next",
                [STATEMENT_GAP_GET] = "SELECT next FROM gaps WHERE first<=?1"
                                      " ORDER BY first DESC LIMIT 1",

                [STATEMENT_TOPIC_ADD] = "INSERT INTO topics VALUES(?1, ?2, 1) ON CONFLICT(hash)"
                                        " DO UPDATE SET last_seq=max(last_seq, ?2), n=n+1",
                [STATEMENT_TOPIC_REMOVE] = "UPDATE topics SET n=n-1 WHERE hash=?1 RETURNING n",
                [STATEMENT_TOPIC_DELETE] = "DELETE FROM topics WHERE hash=?1",
                [STATEMENT_TOPIC_CLEAR] = "DELETE FROM topics",
                [STATEMENT_TOPIC_LAST] = "SELECT last_seq FROM topics WHERE hash=?1",
                [STATEMENT_TOPIC_READ] = "SELECT hash, last_seq FROM topics ORDER BY hash",

                [STATEMENT_INCOMING_PUT] = "INSERT INTO incoming VALUES(?1, ?2, ?3, ?4, ?5)",
                [STATEMENT_INCOMING_DELETE] = "DELETE FROM incoming WHERE seq=?1 RETURNING size",
                [STATEMENT_INCOMING_READ] =
                                "SELECT i.seq, i.topic, i.payload, i.qos, 0, 0, 0, 0"
                                " FROM waiting w CROSS JOIN incoming i ON i.seq=w.seq"
                                " WHERE w.client=?1 AND w.seq>?2 ORDER BY w.seq LIMIT ?3",
                [STATEMENT_INCOMING_FIRST] = "SELECT seq, size FROM incoming ORDER BY seq LIMIT 1",
                [STATEMENT_INCOMING_LAST] =
                                "SELECT seq, size FROM incoming ORDER BY seq DESC LIMIT 1",
                [STATEMENT_WAITING_PUT] = "INSERT OR IGNORE INTO waiting VALUES(?1, ?2)",
                [STATEMENT_WAITING_DELETE] = "DELETE FROM waiting WHERE seq=?1 AND client=?2",
                [STATEMENT_WAITING_ANY] = "SELECT 1 FROM waiting WHERE seq=?1 LIMIT 1",
                [STATEMENT_WAITING_FOR] = "SELECT client FROM waiting WHERE seq=?1",
                [STATEMENT_WAITING_CLEAR] = "DELETE FROM waiting WHERE seq=?1",
                [STATEMENT_WAITING_FIRST] = "SELECT seq FROM waiting WHERE client=?1"
                                            " ORDER BY seq LIMIT 1",

                [STATEMENT_CLIENT_TOUCH] = "REPLACE INTO clients VALUES(?1, ?2)",
                [STATEMENT_CLIENT_NOTE] = "INSERT OR IGNORE INTO clients VALUES(?1, ?2)",
                [STATEMENT_CLIENT_ABSENT] = "SELECT client FROM clients WHERE seen<?1 LIMIT 1",
                [STATEMENT_CLIENT_DELETE] = "DELETE FROM clients WHERE client=?1",
                [STATEMENT_SUBSCRIPTION_PUT] = "REPLACE INTO subscriptions VALUES(?1, ?2, ?3)",
                [STATEMENT_SUBSCRIPTION_DELETE] =
                                "DELETE FROM subscriptions WHERE client=?1 AND filter=?2",
                [STATEMENT_SUBSCRIPTION_CLEAR] = "DELETE FROM subscriptions WHERE client=?1",
                [STATEMENT_SUBSCRIPTION_READ] = "SELECT client, filter, qos FROM subscriptions"
                                                " ORDER BY client, filter",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */
