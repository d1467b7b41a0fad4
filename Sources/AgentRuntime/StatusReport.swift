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
    /// `healthy`, `attention`, `syncing`, `degraded`, `no_leader`, `no_quorum`, `stuck`, `stopped`.
    package var health: String
    package var reasons: [Reason]
    package var mesh: Mesh
    package var `self`: String
    package var leader: Leader?
    package var quorum_leader: QuorumLeader?
    package var sync: Sync
    package var head: String?
    package var devices: [Device]
    package var conflicts: Conflicts
    package var held: [Held]
    /// What filters leave out on this device; nil if nothing.
    package var left_out: LeftOut?
    package var workspace: Workspace
    package var agent: Agent

    package struct Reason: Codable, Hashable, Sendable {
        package var code: String
        package var text: String
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
        /// On the leader: seconds until the scheduler looks again, and the rule that decided.
        package var next_in_s: Double?
        package var next_reason: String?
        package var paused_s: Double?
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
        package var last_seen_s: Double?
        /// The peer's address as the link sees it.
        package var via: String?
        package var version: String?
        package var addresses: [String]
    }

    package struct DeviceSync: Codable, Hashable, Sendable {
        /// `up_to_date`, `behind`, `pending`, `waiting`, `unknown`.
        package var state: String
        package var files_pending: UInt32
        package var applied: String?
        package var waiting: String?
    }

    package struct Writers: Codable, Hashable, Sendable {
        package var active: UInt32
        package var paused: UInt32
        /// Names, on this device only.
        package var names: [String]
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
