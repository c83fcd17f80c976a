/*
 * Is this LMDB's data file sound?  LMDB trusts its file: a wrong page number
 * or length there makes it read outside of its map.  So the file is read once
 * before LMDB gets to see it, and every record is compared with its check.
 *
 * Source: the form of files as LMDB 0.9 writes them (data version 1).
 */
#ifndef STORES_BACKEND_LMDB_CHECK_H
#define STORES_BACKEND_LMDB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * base  [size] the whole file, borrowed
 * deep  every page; else only the head, where the file is not shorter than
 *       that says: pages at the end that are free need not be there
 * text  [text_size] receives what is wrong
 *
 * 0, MUSTER_EPROTO, MUSTER_ENOMEM.
 */
int lmdb_check(const uint8_t *base, uint64_t size, bool deep, char *text,
    size_t text_size);

#endif
