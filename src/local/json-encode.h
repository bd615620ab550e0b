/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The encoding half of the JSON codec; the functions are those of CodecOps.
 */

#include "local/codec.h"
#include "message/message.h"
#include "util/buffer.h"
#include "util/macro.h"

_warn_unused_ int json_encode_ack(Buffer *output,
                                  const LocalId *id,
                                  LocalAck state,
                                  const AckDetail *detail);
_warn_unused_ int json_encode_error(Buffer *output,
                                    const LocalId *id,
                                    LocalError code,
                                    const char *filter,
                                    const char *message);
_warn_unused_ int json_encode_message(Buffer *output,
                                      const char *topic,
                                      const Message *message,
                                      int qos,
                                      uint64_t mid,
                                      bool redelivered);
_warn_unused_ int json_encode_facts(Buffer *output,
                                    const char *op,
                                    const LocalId *id,
                                    const LocalFact *facts,
                                    size_t n_facts);
_warn_unused_ int json_encode_spool(Buffer *output,
                                    const LocalId *id,
                                    const LocalSpooled *items,
                                    size_t n_items,
                                    uint64_t after);
