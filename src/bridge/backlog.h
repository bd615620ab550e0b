/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Backlog
 *
 * The part of the QoS 1 lane that is on disk. Two kinds of messages are written: those of the lane
 * that take too long, which stay in memory too, and those that come while the lane can't take them,
 * which are on disk only. The latter follow the lane in order and are read back page by page when
 * it has room; while there are any, nothing new may go into the lane directly.
 *
 * Works without a store too: then nothing is stored and nothing is behind the lane.
 */

#include "bridge/lane.h"
#include "store/store.h"

typedef struct Backlog Backlog;

typedef struct BacklogHandler {
        /* A page has been read: the receiver takes the messages, not the array. */
        void (*loaded)(void *userdata, StoreRecord *records, size_t n_records);
        /* A message of the lane could not be stored; -ENOSPC: there is no room. */
        void (*unstorable)(void *userdata, Rising *rising, int r);
        /* What was on disk is lost: nothing of the lane is stored any more. */
        void (*replaced)(void *userdata);
        void *userdata;
} BacklogHandler;

_warn_unused_ int backlog_new(Backlog **ret, const BacklogHandler *handler);

/* From now on there is a store, with what @info says in it; both are borrowed, @info for the call.
 * Once. */
void backlog_set_store(Backlog *backlog, Store *store, const StoreInfo *info);

/* Waits a moment, for the end of the daemon, until everything is written. */
void backlog_wait(Backlog *backlog);

/* Tells everyone who still waits that their messages are stored. */
Backlog *backlog_free(Backlog *backlog);

bool backlog_has_store(const Backlog *backlog);

/* "good"; "failing" since writing failed last; "unusable" without a store. */
const char *backlog_store_state(const Backlog *backlog);

/* Whether messages follow the lane on disk (or may do so, while that is not known). */
bool backlog_follows(const Backlog *backlog);

/* The clock by which stored messages expire; 0 without a store. */
uint64_t backlog_clock_msec(const Backlog *backlog);

/* A number for the next message; grows, and is never used twice, not by a later run either. */
uint64_t backlog_next_seq(Backlog *backlog);

/* Writes all of the lane that is in memory only and was accepted by @before_usec. */
void backlog_store_lane(Backlog *backlog, Lane *lane, uint64_t before_usec);

/*
 * Writes a message that goes to the disk only; takes the receipt. @expires_msec 0: never.
 * Whatever comes of it is told through the receipt.
 */
void backlog_add(Backlog *backlog, Message *message, Receipt *take_receipt, uint64_t expires_msec);

/* A message of the lane has been acknowledged, or given up: nothing of it is needed any more. */
void backlog_finish(Backlog *backlog, Rising *rising);

/* A message of the lane is dropped from memory; what is being written of it goes on. */
void backlog_forget(Backlog *backlog, Rising *rising);

/* Tells a program that its message could not be stored, and why. */
void backlog_refuse(Backlog *backlog, Receipt *receipt, int r);

/* The receipt that a message read from the disk is still owed, if any; its session is NULL else. */
Receipt backlog_claim(Backlog *backlog, uint64_t seq);

/* Reads the next page, if there is one and none is being read. */
void backlog_load(Backlog *backlog, size_t max, size_t max_bytes, uint64_t now_usec);

/* When a page may be read; USEC_INFINITY: none is wanted, or one is being read. */
uint64_t backlog_deadline_usec(const Backlog *backlog);

/* Messages on disk and not in the lane; bytes in memory on their way to the disk. */
uint64_t backlog_size(const Backlog *backlog, const Lane *lane);
size_t backlog_bytes(const Backlog *backlog);

/* How many could not be stored and were refused. */
uint64_t backlog_refused(const Backlog *backlog);

DEFINE_CLEANUP(Backlog *, backlog_free);
