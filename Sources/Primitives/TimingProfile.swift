/// The time constants of consensus and leases (protocol.md, section 2). One per mesh, chosen at `init`.
public struct TimingProfile: Hashable, Sendable {
    public var heartbeat: Duration
    /// Election timeouts are drawn from this range; its lower bound is the minimum election timeout.
    public var election: ClosedRange<Duration>
    public var leaseTTL: Duration
    public var leaseRenewal: Duration

    public init(heartbeat: Duration, election: ClosedRange<Duration>, leaseTTL: Duration, leaseRenewal: Duration) {
        self.heartbeat = heartbeat
        self.election = election
        self.leaseTTL = leaseTTL
        self.leaseRenewal = leaseRenewal
    }

    public static let lan = TimingProfile(
        heartbeat: .milliseconds(100), election: .milliseconds(500)...(.seconds(1)), leaseTTL: .seconds(3),
        leaseRenewal: .milliseconds(500))
    public static let wan = TimingProfile(
        heartbeat: .milliseconds(500), election: .milliseconds(2500)...(.seconds(5)), leaseTTL: .seconds(15),
        leaseRenewal: .milliseconds(2500))
}

/// When the log is cut, and how much of it stays (Ongaro's thesis, section 5.1).
public struct Compaction: Hashable, Sendable {
    /// A snapshot is taken after so many entries.
    public var after = Limits.snapshotAfterEntries
    /// Entries kept behind it, for a peer that is nearly caught up.
    public var keeping = Limits.entriesKeptBehindSnapshot

    public init() {}
}
