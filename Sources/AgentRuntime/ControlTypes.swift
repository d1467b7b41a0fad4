// AgentRuntime: the composition root of the agent - start order, the one owner of the `Device` value, the clock, and
// the runner that carries out effects with git, gates, links and storage. Never: a rule of the protocol (DeviceCore has
// them), text for people (Commands writes it). Start with Agent.swift (start order), then DeviceLoop.swift,
// EffectRunner.swift; this file is what the CLI may ask.

// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

/// The calls of the control socket, apart from `gate.*` (see WriterGate). Bodies are JSON with the names below;
/// fields are only ever added. Durations are seconds with a fraction, units are in the names.
package enum ControlCall {
    /// `EmptyBody` -> `StatusReport`; never waits for a peer or a quorum.
    package static let status = "status"
    /// `EmptyBody` -> items of `StatusReport`, one at once and one whenever something changes (ten a second at most).
    package static let watch = "status.watch"
    /// `SyncCall` -> `SyncReport`.
    package static let sync = "sync"
    /// `HandoffCall` -> `HandoffReport`.
    package static let handoff = "handoff"
    /// `EmptyBody` -> `InviteReport`.
    package static let invite = "invite"
    /// `AllowCall` -> `AllowReport`, when what was held back may go.
    package static let allow = "allow"
    /// `RemoveCall` -> `EmptyBody`.
    package static let remove = "devices.remove"
    /// `EmptyBody` -> `ConfigReport`.
    package static let config = "config"
    /// `ConfigSetting` -> `ConfigReport`.
    package static let set = "config.set"
    /// `ConfigKey` -> `ConfigReport`.
    package static let unset = "config.unset"
    /// `LockCall` -> `LockReport`, granted; the lock is released when the session ends. Notice `lock.lost`
    /// (`LockReport`): stop what runs under it.
    package static let lock = "lock.acquire"
    /// `LockCall` -> `EmptyBody`.
    package static let unlock = "lock.release"
    /// `EmptyBody` -> `EmptyBody`, once everything is handed off; the agent then ends.
    package static let stop = "stop"
    /// `LinkCall` -> `EmptyBody`: cuts or heals the links to a device. Only with BATON_TEST_SWITCHES=1 in the agent's
    /// environment.
    package static let link = "test.link"
}

package struct EmptyBody: Codable, Hashable, Sendable {
    package init() {}
}

package struct SyncCall: Codable, Hashable, Sendable {
    /// False: only asks that a round be considered; the reply comes at once.
    package var wait: Bool
    /// `startup` and `exit` keep the least time between rounds; anything else starts one at once.
    package var reason: String?

    package init(wait: Bool, reason: String? = nil) {
        self.wait = wait
        self.reason = reason
    }
}

/// A finished round. `result`: `published`, `nothing_to_do`, `caught_up`, `aborted`; `requested` if nobody waits. A
/// call that keeps the least interval: `in_step` if nothing is left to do for this device, or `not_now` with `why`.
package struct SyncReport: Codable, Hashable, Sendable {
    package var result: String
    /// The number of the newest published round.
    package var round: UInt64
    package var round_id: String?
    package var head: String?
    package var changed_files: UInt32
    package var conflicts: UInt32
    /// Device names.
    package var participants: [String]
    package var left_out: [String]
    package var took_s: Double
    /// Why it was aborted, or why there is none now.
    package var why: String?
}

package struct HandoffCall: Codable, Hashable, Sendable {
    /// A name, an id or the unambiguous beginning of one; nil: whoever is fit.
    package var device: String?

    package init(device: String?) { self.device = device }
}

package struct HandoffReport: Codable, Hashable, Sendable {
    package var device: String
    package var name: String
    package var token: String
    package var took_s: Double
}

/// `for_s`: how long it may be used; 10 minutes if not said.
package struct InviteCall: Codable, Hashable, Sendable {
    package var for_s: Double?

    package init(for_s: Double? = nil) { self.for_s = for_s }
}

package struct InviteReport: Codable, Hashable, Sendable {
    package var invite: String
    package var expires_s: Double
    package var workspace_name: String
}

/// `paths`: as `StatusReport.held` names them. `deletions`: everything that the mesh asks about at this moment.
package struct AllowCall: Codable, Hashable, Sendable {
    package var paths: [String]
    package var deletions: Bool

    package init(paths: [String], deletions: Bool) {
        self.paths = paths
        self.deletions = deletions
    }
}

package struct AllowReport: Codable, Hashable, Sendable {
    package var paths: [String]?
    /// Which questions were answered.
    package var deletions: [StatusReport.Deletions]?
}

package struct RemoveCall: Codable, Hashable, Sendable {
    package var device: String

    package init(device: String) { self.device = device }
}

/// `here`: for this device alone.
package struct ConfigSetting: Codable, Hashable, Sendable {
    package var key: String
    package var value: String
    package var here: Bool?

    package init(key: String, value: String, here: Bool? = nil) {
        self.key = key
        self.value = value
        self.here = here
    }
}

package struct ConfigKey: Codable, Hashable, Sendable {
    package var key: String
    package var here: Bool?

    package init(key: String, here: Bool? = nil) {
        self.key = key
        self.here = here
    }
}

package struct ConfigReport: Codable, Hashable, Sendable {
    package struct Item: Codable, Hashable, Sendable {
        package var key: String
        package var value: String
        package var standard: String
        /// `environment` (of the agent), `mesh` (replicated: the same on every device), `device` (its `config.toml`),
        /// `default`.
        package var source: String
        package var about: String
        /// Where it can be set: `mesh`, `device`, `mesh_or_device`.
        package var scope: String?
        /// What may be written, in words, and one value that may.
        package var allowed: String?
        package var example: String?
        /// The variable of the agent's environment that overrides it, if one does.
        package var environment: String?
        /// An older name of the key.
        package var alias: String?
    }

    package var items: [Item]
}

package struct LockCall: Codable, Hashable, Sendable {
    package var name: String
    package var ttl_s: Double?
    package var wait: Bool

    package init(name: String, ttl_s: Double? = nil, wait: Bool = true) {
        self.name = name
        self.ttl_s = ttl_s
        self.wait = wait
    }
}

package struct LockReport: Codable, Hashable, Sendable {
    package var name: String
    package var token: String
}

package struct LinkCall: Codable, Hashable, Sendable {
    package var device: String
    package var cut: Bool

    package init(device: String, cut: Bool) {
        self.device = device
        self.cut = cut
    }
}
