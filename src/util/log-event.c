/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log-event.h"

#include <assert.h>
#include <syslog.h>

static const LogEventInfo table[_LOG_EVENT_MAX] = {
                [LOG_EVENT_STARTED] = {"started", "23d81606c2794b028c9b1770f482bb89", LOG_INFO},
                [LOG_EVENT_STOPPING] = {"stopping", "3110137eda30431fa7ae0661b63883c5", LOG_INFO},
                [LOG_EVENT_ONLINE] = {"online", "2c8c60b2a0d74ea4bd26db04387c91da", LOG_NOTICE},
                [LOG_EVENT_OFFLINE] = {"offline", "2468621841e740a19067811a695b0928", LOG_WARNING},
                [LOG_EVENT_UNREACHABLE] = {"unreachable", "a23da8f0d8e64121bdbe4042d741d609",
                                           LOG_WARNING},
                [LOG_EVENT_REFUSED] = {"refused", "077c094b05bd46e68016c66f65c0dc12", LOG_ERR},
                [LOG_EVENT_TWIN] = {"twin", "e44312581b5948cc98678328e1bcfbd9", LOG_ERR},
                [LOG_EVENT_SUBSCRIPTION_REFUSED] = {"subscription-refused",
                                                    "fc1a318149254a7abd0238f3e177cfb5", LOG_ERR},
                [LOG_EVENT_CLIENT_DROPPED] = {"client-dropped", "02190fa043264126817439806f4df10f",
                                              LOG_WARNING},
                [LOG_EVENT_CLIENT_REFUSED] = {"client-refused", "c0e90117a55b419792045e7321ae182a",
                                              LOG_WARNING},
                [LOG_EVENT_STORE_UNUSABLE] = {"store-unusable", "66ca5ddc758144989018ca9a612c4150",
                                              LOG_ERR},
                [LOG_EVENT_STORE_SET_ASIDE] = {"store-set-aside",
                                               "f0e28b40ce5f4b668dd34454f5209e92", LOG_ERR},
                [LOG_EVENT_SPOOL_DROPPED] = {"spool-dropped", "922cb2dfeaa342ccaad97f6eae2269af",
                                             LOG_WARNING},
                [LOG_EVENT_RATE_EXCESS] = {"rate-excess", "ea0aca8d2d8a474ebcdf9313c850dfe7",
                                           LOG_WARNING},
                [LOG_EVENT_INBOX_REFUSES] = {"inbox-refuses", "b8954fd0ca3b48928d52585fecc1549a",
                                             LOG_ERR},
                [LOG_EVENT_INBOX_DROPPED] = {"inbox-dropped", "35089d43f14a4827a5a9bfc043ea064e",
                                             LOG_WARNING},
                [LOG_EVENT_CLIENT_FORGOTTEN] = {"client-forgotten",
                                                "4c54f84a0b0646a291b06c688b0748bd", LOG_NOTICE},
                [LOG_EVENT_SPOOL_CLEARED] = {"spool-cleared", "bd809a6bd16246b592bacec351595236",
                                             LOG_NOTICE},
                [LOG_EVENT_ROOT_EXPIRING] = {"root-expiring", "1ca0fb265c7b4754a162e3751ef5ad2b",
                                             LOG_WARNING},
                [LOG_EVENT_CONFIG_INVALID] = {"config-invalid", "b5e56c96f47b4f199a7650154daba8a4",
                                              LOG_ERR},
                [LOG_EVENT_RELOADED] = {"reloaded", "0fdaa083245c47feb3babb13a3768128", LOG_NOTICE},
                [LOG_EVENT_RELOAD_FAILED] = {"reload-failed", "aafcdf41f26d41ec9c92a3f3b549a846",
                                             LOG_ERR},
                [LOG_EVENT_FAILED] = {"failed", "f0627145b8e647b59b1adcdde4383f8b", LOG_CRIT},
};

const LogEventInfo *log_event_info(LogEvent event) {
        assert(event < _LOG_EVENT_MAX);
        return &table[event];
}

bool log_event_is_counted(LogEvent event) {
        static const bool counted[_LOG_EVENT_MAX] = {
                        /* by the link */
                        [LOG_EVENT_ONLINE] = true,
                        [LOG_EVENT_OFFLINE] = true,
                        [LOG_EVENT_UNREACHABLE] = true,
                        [LOG_EVENT_REFUSED] = true,
                        [LOG_EVENT_TWIN] = true,
                        /* once for what somebody does */
                        [LOG_EVENT_STARTED] = true,
                        [LOG_EVENT_STOPPING] = true,
                        [LOG_EVENT_CONFIG_INVALID] = true,
                        [LOG_EVENT_RELOADED] = true,
                        [LOG_EVENT_RELOAD_FAILED] = true,
                        [LOG_EVENT_FAILED] = true,
        };

        assert(event < _LOG_EVENT_MAX);
        return counted[event];
}
