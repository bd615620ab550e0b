/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Worker
 *
 * The thread that owns the database, the queue of requests to it and the queue of answers back.
 */

#include "store/keeper.h"
#include "store/request.h"
#include "store/store.h"

typedef struct Worker Worker;

/* Takes @keeper over, if it succeeds. */
_warn_unused_ int worker_new(Worker **ret, Keeper *keeper);
/* Lets it finish what is queued. What it then still has to say comes in @ret_answers. */
void worker_stop(Worker *worker, Requests *ret_answers);
Worker *worker_free(Worker *worker);

/* For what is carried out from now on. */
void worker_set_limits(Worker *worker, const StoreLimits *limits);

/* See store_note_end(). */
void worker_note_end(Worker *worker);

/* From any thread. Takes the request if it succeeds; -ENOBUFS when too much is queued, -ESHUTDOWN
 * after worker_stop(). */
_warn_unused_ int worker_push(Worker *worker, Request *take);
/* The same, waits until it is done, and gives it back with its result. */
void worker_call(Worker *worker, Request *request);

/* Readable when there are answers. */
int worker_fd(const Worker *worker);
void worker_answers(Worker *worker, Requests *ret_answers);

void worker_counters(Worker *worker, StoreCounters *ret);

DEFINE_CLEANUP(Worker *, worker_free);
