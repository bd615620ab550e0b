/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Log events
 *
 * The state changes that deserve a journal entry of their own kind: each has a MESSAGE_ID, the
 * word of its IOTLINK_EVENT= field and a priority. systemd/iotlinkd.catalog has the longer text
 * for each; docs/TROUBLESHOOTING.md explains the words.
 */

#include <stdbool.h>

typedef enum LogEvent {
        LOG_EVENT_STARTED,     /* the socket is open; the first connection attempt follows */
        LOG_EVENT_STOPPING,    /* asked to stop */
        LOG_EVENT_ONLINE,      /* the cloud has accepted the connection */
        LOG_EVENT_OFFLINE,     /* a connection that was online has ended */
        LOG_EVENT_UNREACHABLE, /* an attempt ended before the cloud's answer to CONNECT */
        LOG_EVENT_REFUSED,     /* the cloud answered CONNECT with a refusal */
        LOG_EVENT_TWIN,        /* another client uses the same identity, it seems */
        LOG_EVENT_SUBSCRIPTION_REFUSED, /* SUBACK 0x80 */
        LOG_EVENT_CLIENT_DROPPED,       /* a local program was disconnected by us */
        LOG_EVENT_CLIENT_REFUSED,       /* a local program was not let in */
        LOG_EVENT_STORE_UNUSABLE,       /* messages can't be stored */
        LOG_EVENT_STORE_SET_ASIDE,      /* the store was damaged; a new one was made */
        LOG_EVENT_SPOOL_DROPPED,        /* stored messages had to give way to newer ones */
        LOG_EVENT_RATE_EXCESS,          /* QoS 0 over its rate was refused, or gave way */
        LOG_EVENT_INBOX_REFUSES,        /* messages for durable subscribers can't be kept */
        LOG_EVENT_INBOX_DROPPED,        /* some of them were dropped: the inbox is full */
        LOG_EVENT_CLIENT_FORGOTTEN,     /* a durable client has stayed away for too long */
        LOG_EVENT_SPOOL_CLEARED,        /* an administrator has dropped stored messages */
        LOG_EVENT_ROOT_EXPIRING,        /* a trusted root ends soon */
        LOG_EVENT_CONFIG_INVALID,       /* the configuration file has errors */
        LOG_EVENT_RELOADED,             /* the configuration was read again, and is in use */
        LOG_EVENT_RELOAD_FAILED,        /* it was read again, and is not used */
        LOG_EVENT_FAILED,               /* the daemon itself cannot go on */
        _LOG_EVENT_MAX,
} LogEvent;

typedef struct LogEventInfo {
        const char *name;       /* IOTLINK_EVENT= */
        const char *message_id; /* 32 hex digits */
        int priority;           /* syslog's */
} LogEventInfo;

const LogEventInfo *log_event_info(LogEvent event);

/* Whether an entry is written whenever it is told, since who tells it counts repetitions. */
bool log_event_is_counted(LogEvent event);
