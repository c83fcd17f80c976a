# Sources of daemon/, one per line; a new file is a decision.
DAEMON_ROOMS = sys core io node ctl

sys_SRCS = \
	daemon/sys/clock.c \
	daemon/sys/dirs.c \
	daemon/sys/file.c \
	daemon/sys/log.c \
	daemon/sys/notify.c \
	daemon/sys/priv.c \
	daemon/sys/process.c \
	daemon/sys/usage.c

core_SRCS = \
	daemon/core/access.c \
	daemon/core/backend_lmdb.c \
	daemon/core/backend_lmdb_batch.c \
	daemon/core/backend_lmdb_check.c \
	daemon/core/backend_lmdb_commit.c \
	daemon/core/backend_lmdb_due.c \
	daemon/core/backend_lmdb_env.c \
	daemon/core/backend_lmdb_layer.c \
	daemon/core/backend_lmdb_record.c \
	daemon/core/backend_lmdb_snapshot.c \
	daemon/core/backend_lmdb_view.c \
	daemon/core/control.c \
	daemon/core/control_answer.c \
	daemon/core/control_events.c \
	daemon/core/control_facts.c \
	daemon/core/control_graph.c \
	daemon/core/control_idents.c \
	daemon/core/control_logger.c \
	daemon/core/control_ops.c \
	daemon/core/control_pools.c \
	daemon/core/control_rules.c \
	daemon/core/control_ship.c \
	daemon/core/control_ship_facts.c \
	daemon/core/control_store.c \
	daemon/core/control_store_dump.c \
	daemon/core/control_store_facts.c \
	daemon/core/control_store_read.c \
	daemon/core/control_tail.c \
	daemon/core/delivery.c \
	daemon/core/dial.c \
	daemon/core/endpoint.c \
	daemon/core/endpoint_dial.c \
	daemon/core/endpoint_hold.c \
	daemon/core/endpoint_members.c \
	daemon/core/endpoint_note.c \
	daemon/core/endpoint_raise.c \
	daemon/core/endpoint_reload.c \
	daemon/core/endpoint_time.c \
	daemon/core/forward.c \
	daemon/core/idents.c \
	daemon/core/idents_requests.c \
	daemon/core/link.c \
	daemon/core/link_peer.c \
	daemon/core/logger.c \
	daemon/core/logjournal.c \
	daemon/core/logsink.c \
	daemon/core/logsink_fact.c \
	daemon/core/logsink_format.c \
	daemon/core/logsink_item.c \
	daemon/core/logsink_journal.c \
	daemon/core/logsink_lines.c \
	daemon/core/logsink_note.c \
	daemon/core/logsink_recover.c \
	daemon/core/logsink_rotate.c \
	daemon/core/logsink_session.c \
	daemon/core/logsink_writer.c \
	daemon/core/members.c \
	daemon/core/members_event.c \
	daemon/core/members_hello.c \
	daemon/core/members_layout.c \
	daemon/core/members_list.c \
	daemon/core/members_out.c \
	daemon/core/members_peer.c \
	daemon/core/members_rows.c \
	daemon/core/members_start.c \
	daemon/core/members_track.c \
	daemon/core/outbox.c \
	daemon/core/outbox_add.c \
	daemon/core/outbox_disk.c \
	daemon/core/outbox_fact.c \
	daemon/core/outbox_load.c \
	daemon/core/outbox_logger.c \
	daemon/core/outbox_queue.c \
	daemon/core/outbox_record.c \
	daemon/core/outbox_send.c \
	daemon/core/outbox_stream.c \
	daemon/core/outq.c \
	daemon/core/pools.c \
	daemon/core/records.c \
	daemon/core/relays.c \
	daemon/core/relays_rules.c \
	daemon/core/router.c \
	daemon/core/router_peers.c \
	daemon/core/router_subs.c \
	daemon/core/rules.c \
	daemon/core/rules_fact.c \
	daemon/core/rules_list.c \
	daemon/core/rules_outbox.c \
	daemon/core/rules_run.c \
	daemon/core/rules_write.c \
	daemon/core/shipper.c \
	daemon/core/shipper_loggers.c \
	daemon/core/shipper_own.c \
	daemon/core/stores.c \
	daemon/core/stores_ask.c \
	daemon/core/stores_fact.c \
	daemon/core/stores_hosts.c \
	daemon/core/stores_peers.c

io_SRCS = \
	daemon/io/child.c \
	daemon/io/child_program.c \
	daemon/io/conn.c \
	daemon/io/conn_bio.c \
	daemon/io/conn_end.c \
	daemon/io/conn_move.c \
	daemon/io/control_server.c \
	daemon/io/dialer.c \
	daemon/io/listener.c \
	daemon/io/local.c \
	daemon/io/logdir.c \
	daemon/io/logdisk.c \
	daemon/io/logfile.c \
	daemon/io/logpost.c \
	daemon/io/logpost_compress.c \
	daemon/io/logpost_keep.c \
	daemon/io/logpost_run.c \
	daemon/io/loop.c \
	daemon/io/peers.c \
	daemon/io/resolve.c \
	daemon/io/sock.c

node_SRCS = \
	daemon/node/all.c \
	daemon/node/choose.c \
	daemon/node/id.c \
	daemon/node/idents.c \
	daemon/node/logger.c \
	daemon/node/node.c \
	daemon/node/options.c \
	daemon/node/ready.c \
	daemon/node/reload.c \
	daemon/node/rules.c \
	daemon/node/shipper.c \
	daemon/node/stores.c \
	daemon/node/supervise.c \
	daemon/node/turn.c

ctl_SRCS = \
	daemon/ctl/admin.c \
	daemon/ctl/check.c \
	daemon/ctl/client.c \
	daemon/ctl/commands.c \
	daemon/ctl/completion.c \
	daemon/ctl/find.c \
	daemon/ctl/graph.c \
	daemon/ctl/help.c \
	daemon/ctl/id.c \
	daemon/ctl/log_write.c \
	daemon/ctl/logs.c \
	daemon/ctl/options.c \
	daemon/ctl/output.c \
	daemon/ctl/pool.c \
	daemon/ctl/publish.c \
	daemon/ctl/publish_stream.c \
	daemon/ctl/rules.c \
	daemon/ctl/show.c \
	daemon/ctl/store.c \
	daemon/ctl/store_copy.c \
	daemon/ctl/store_dump.c \
	daemon/ctl/store_restore.c \
	daemon/ctl/store_show.c \
	daemon/ctl/table.c \
	daemon/ctl/tls.c \
	daemon/ctl/top.c \
	daemon/ctl/value.c \
	daemon/ctl/wait.c \
	daemon/ctl/watch.c

