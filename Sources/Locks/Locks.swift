// Locks: leased locks with fencing tokens - the table that the log feeds, the quorum leader's watch over leases, the
// holder's own claim, and the gate of a resource (protocol.md, sections 3, 4 and 6).
// Never: a clock, a file, a socket, Raft, membership, request ids; nothing here knows why a lock is wanted.
// Start with LockTable.swift, then HolderClaim.swift: clocks protect efficiency, tokens protect data.

import Primitives

/// One device holds one lock: who, under which token, for how long without a renewal.
package struct Grant: Hashable, Sendable {
    package var holder: DeviceID
    package var token: FencingToken
    package var ttl: Duration

    package init(holder: DeviceID, token: FencingToken, ttl: Duration) {
        self.holder = holder
        self.token = token
        self.ttl = ttl
    }
}

/// A device that waits for a lock, with the lease that it asked for.
package struct Waiter: Hashable, Sendable {
    package var device: DeviceID
    package var ttl: Duration

    package init(device: DeviceID, ttl: Duration) {
        self.device = device
        self.ttl = ttl
    }
}

/// A lock that somebody holds. A free lock has no row, and nobody waits for it.
package struct HeldLock: Hashable, Sendable {
    package var name: LockName
    package var grant: Grant
    /// First come, first served; no device twice, never the holder.
    package var waiters: [Waiter]

    package init(name: LockName, grant: Grant, waiters: [Waiter] = []) {
        self.name = name
        self.grant = grant
        self.waiters = waiters
    }
}
