/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A disk that fails on command
 *
 * A SQLite VFS over the ordinary one. It also remembers what the disk has got: writes reach it when
 * a sync succeeds; those that a failed sync should have brought there are forgotten, although the
 * program goes on reading them, as with Linux's page cache.
 */

#define FAULTY_VFS "faulty"

void faulty_register(void);

/* The next @n syncs fail. */
void faulty_fail_syncs(int n);
/* Writes and syncs fail with SQLite's code @rc until it is 0. */
void faulty_fail_writes(int rc);
int faulty_n_failed(void);
/* Reading the bytes of databases from @begin to before @end fails; logs can be read. */
void faulty_fail_reads(long begin, long end);

/* Writes what is on the disk of the database in @directory, as after a power cut, to @to. */
void faulty_power_cut(const char *directory, const char *to);
