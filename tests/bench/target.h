/*
 * What is measured: Muster's daemon, the probe, or any program that speaks
 * the protocol, started for each round on a port of its own.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stdbool.h>
#include <sys/types.h>

/* Where programs and certificates are. */
struct lab {
	char folder[256];      /* ours, temporary */
	char ca[300], cert[300], key[300]; /* of the generator */
	char server_cert[300], server_key[300];
	char musterd[256], musterctl[256], probe[256];
	const char *cipher;    /* of TLS 1.3, or NULL */
	bool plain;            /* no TLS at all */
	struct ssl_ctx_st *ctx; /* NULL: plain */
};

struct target {
	const char *name;
	/* NULL for "muster" and "probe", else a command for the shell, in which
	 * %p is the port, %a CA, %c certificate, %k key, %d a folder. */
	const char *command;
	/* "muster": lines added to its layout, at the top level, or NULL.  Of
	 * the nodes it has "manager", which is started, and "generator". */
	const char *layout;
	/* "muster": called before it starts; its root folder.  Or NULL. */
	void (*prepare)(const struct lab *lab, const char *root);
	bool nats; /* nats-server: command is its path */
	pid_t pid;
	int port;
};

/* programs: the folder of musterd and musterctl. */
void lab_open(struct lab *lab, const char *programs, const char *cipher,
    bool plain);
void lab_close(struct lab *lab);

/* Where nats-server is installed, into path; false: nowhere. */
bool nats_find(char *path, size_t size);

/* Start and wait until it takes a peer; false: it does not. */
bool target_start(struct target *t, const struct lab *lab);
void target_stop(struct target *t);

/* A cluster of n Muster nodes on this machine: the seconds from exec to
 * cluster_started as the manager announces it; < 0: it did not come.  cpu: ns
 * of all nodes.  links: how many there are. */
double cluster_start(const struct lab *lab, unsigned n, double *cpu,
    unsigned *links);

#endif
