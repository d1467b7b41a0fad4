// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

/// `baton status --json`, schema `baton.status/1` (ux.md). Fields are only ever added within /1; units are in the
/// names.
package struct StatusReport: Codable, Hashable, Sendable {
    package var schema = "baton.status/1"
    /// RFC 3339, UTC.
    package var generated_at: String
    /// `quorum` while this device hears from a quorum leader, else `local`.
    package var view: String
    /// One of `healths`.
    package var health: String
    package var reasons: [Reason]
    package var mesh: Mesh
    package var `self`: String
    @OrNull package var leader: Leader?
    @OrNull package var quorum_leader: QuorumLeader?
    package var sync: Sync
    @OrNull package var head: String?
    package var devices: [Device]
    package var conflicts: Conflicts
    /// Nil without a hub.
    package var hub: HubStatus?
    package var held: [Held]
    /// What filters leave out on this device; nil if nothing.
    package var left_out: LeftOut?
    /// Deletions that wait for a word, anywhere in the mesh.
    package var deletions: [Deletions]?
    /// Changes that make this device run code and wait for `baton approve`.
    package var code: [String]?
    package var workspace: Workspace
    package var agent: Agent

    /// Stands for programs that nobody could name.
    package static let unknownWriter = "unknown"

    /// The closed list of first words.
    package static let healths = [
        "healthy", "attention", "syncing", "degraded", "no_leader", "no_quorum", "stuck", "stopped",
    ]

    package struct Reason: Codable, Hashable, Sendable {
        package var code: String
        package var text: String
        /// The command to type.
        package var fix: String?
    }

    package struct Mesh: Codable, Hashable, Sendable {
        package var id: String
        package var name: String
        package var epoch: UInt64
        package var members: Int
        package var online: Int
        package var quorum: Int
        package var profile: String
    }

    package struct Leader: Codable, Hashable, Sendable {
        package var device: String
        package var token: String
        /// Known exactly on the leader only; nil elsewhere.
        package var lease_remaining_s: Double?
    }

    package struct QuorumLeader: Codable, Hashable, Sendable {
        package var device: String
        package var term: UInt64
        package var commit_index: UInt64
        package var last_index: UInt64
    }

    package struct Sync: Codable, Hashable, Sendable {
        /// The number of the newest published round.
        package var round: UInt64
        /// `idle`, or the phase of the round under way on the leader (`prepare`, `collect`, `merge`, `stage`,
        /// `publish`, `apply`), or `paused` on a member whose gate is closed.
        package var phase: String
        package var last_ok_at: String?
        package var age_s: Double?
        package var last_result: String?
        /// On the leader: when the scheduler looks again, in how many seconds that is, and the rule that decided.
        package var next_at: String?
        package var next_in_s: Double?
        package var next_reason: String?
        package var paused_s: Double?
        /// The scheduler's decision rule by rule, as this device sees it: the mesh's where this device leads.
        package var rules: [Rule]?
    }

    /// One rule of the scheduler.
    package struct Rule: Codable, Hashable, Sendable {
        package var rule: String
        package var value: String
        package var limit: String
        /// `go`, `wait`, `slower`, `blocks`.
        package var says: String
        package var decides: Bool
    }

    package struct Device: Codable, Hashable, Sendable {
        package var id: String
        package var name: String
        /// `leader`, `voter`, `learner`.
        package var role: String
        /// `online`, `offline`.
        package var state: String
        package var sync: DeviceSync
        package var writers: Writers
        package var last_seen_at: String?
        package var last_seen_s: Double?
        /// The peer's address as the link sees it.
        package var via: String?
        /// Whether the link was opened from here: that way is free. The other one is known where it was opened there.
        package var dialed_here: Bool?
        /// Why this device did not reach it at the last attempt; nil while there is a link, or where none was made.
        package var dial_failure: String?
        /// The last ping and its answer.
        package var rtt_s: Double?
        /// By how much its wall clock is ahead of ours, to within half a round trip.
        package var clock_offset_s: Double?
        package var version: String?
        package var addresses: [String]
    }

    package struct DeviceSync: Codable, Hashable, Sendable {
        /// `up_to_date`, `behind`, `pending`, `waiting`, `unknown`.
        package var state: String
        package var files_pending: UInt32
        /// Published rounds that its tree does not have; nil where that is not known.
        package var rounds_behind: UInt64?
        package var applied: String?
        package var waiting: String?
    }

    package struct Writers: Codable, Hashable, Sendable {
        package var active: UInt32
        package var paused: UInt32
        /// Names, on this device only.
        package var names: [String]
        /// Programs that wrote within the last day while the gate was closed, on this device only: how many, and each.
        package var ungated: UInt32?
        package var outside: [Outside]?
    }

    /// A program that takes no part in the gate; `unknown` for all that had closed their files before anybody looked.
    package struct Outside: Codable, Hashable, Sendable {
        package var name: String
        /// Rounds in whose pause it wrote.
        package var pauses: UInt32
        package var files: UInt32
        package var last_s: Double
    }

    package struct Conflicts: Codable, Hashable, Sendable {
        package var open: UInt32
        package var paths: [String]
    }

    package struct LeftOut: Codable, Hashable, Sendable {
        package struct Path: Codable, Hashable, Sendable {
            /// Of a folder with a slash at its end: nothing in it is looked at.
            package var path: String
            package var rule: String
        }

        package var count: Int
        /// The first of them.
        package var paths: [Path]
    }

    /// So many files are gone on a device (or in a round that it led): nothing of that is passed on before
    /// `baton allow --deletions`.
    package struct Deletions: Codable, Hashable, Sendable {
        /// Names this very set of files.
        package var id: String
        package var device: String
        package var name: String
        package var of_round: Bool
        package var deleted: UInt32
        package var files: UInt32
    }

    package struct Held: Codable, Hashable, Sendable {
        package var path: String
        package var reason: String
        /// `baton allow` lets it through.
        package var can_be_allowed: Bool
    }

    package struct Workspace: Codable, Hashable, Sendable {
        package var root: String
        package var branch: String
    }

    package struct Agent: Codable, Hashable, Sendable {
        package var pid: Int32
        package var version: String
        package var uptime_s: Double
        package var listen: String
        package var refused_connections: UInt64
        package var refused_tokens: UInt64
    }
}

/// A field that is there also when it has no value: `null`, which a program can tell from a field that is not known.
@propertyWrapper
package struct OrNull<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    package var wrappedValue: Value?

    package init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

extension KeyedDecodingContainer {
    /// A field that is missing has no value either.
    package func decode<Value>(_ type: OrNull<Value>.Type, forKey key: Key) throws -> OrNull<Value> {
        try decodeIfPresent(type, forKey: key) ?? OrNull(wrappedValue: nil)
    }
}
