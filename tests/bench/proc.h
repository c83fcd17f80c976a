/* Other processes: starting and stopping them, what they consume. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Start argv with its messages in the file log (NULL: none); it dies with
 * us. */
pid_t proc_start(char *const argv[], const char *log);
/* SIGTERM, after 3 s SIGKILL, and wait. */
void proc_stop(pid_t pid);
/* Start, wait; false: it did not exit with 0. */
bool proc_run(char *const argv[], const char *log);
bool proc_alive(pid_t pid);

/* CPU time of all threads of pid in nanoseconds. */
uint64_t proc_cpu(pid_t pid);
/* The same with all its children that live. */
uint64_t proc_cpu_tree(pid_t pid);
/* Resident memory in bytes: now, and the most there ever was. */
uint64_t proc_rss(pid_t pid);
uint64_t proc_rss_peak(pid_t pid);
/* What of it is no page of a file. */
uint64_t proc_rss_anon(pid_t pid);
/* Voluntary and other context switches of the main thread. */
uint64_t proc_switches(pid_t pid);

/* A folder of our own below TMPDIR, and its removal. */
void make_folder(char *path, size_t size);
void remove_folder(const char *path);

#endif
