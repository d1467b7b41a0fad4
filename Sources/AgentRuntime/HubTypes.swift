// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

extension ControlCall {
    /// `HubAddCall` -> `HubReply`: tries the hub out and makes it the mesh's.
    package static let hubAdd = "hub.add"
    /// `EmptyBody` -> `EmptyBody`.
    package static let hubRemove = "hub.remove"
    /// `EmptyBody` -> `HubReply`; waits for nobody.
    package static let hubShow = "hub.show"
    /// `EmptyBody` -> `HubReply`, with what this device found when it tried the hub out.
    package static let hubProbe = "hub.probe"
    /// `HubAcceptCall` -> `HubReply`.
    package static let hubAccept = "hub.accept"
}

/// - `merge`: the hub's history may have nothing in common with the mesh's.
/// - `take_over`: the hub may be another mesh's.
package struct HubAddCall: Codable, Hashable, Sendable {
    package var url: String
    package var branch: String?
    package var merge: Bool
    package var take_over: Bool

    package init(url: String, branch: String?, merge: Bool, take_over: Bool) {
        self.url = url
        self.branch = branch
        self.merge = merge
        self.take_over = take_over
    }
}

/// `replace`: the hub's branch is made what the mesh has; else what stands there is merged.
package struct HubAcceptCall: Codable, Hashable, Sendable {
    package var replace: Bool

    package init(replace: Bool) { self.replace = replace }
}

package struct HubReply: Codable, Hashable, Sendable {
    /// Nil: the mesh has no hub.
    package var hub: HubStatus?
    package var probe: HubProbeReport?

    package init(hub: HubStatus?, probe: HubProbeReport? = nil) {
        self.hub = hub
        self.probe = probe
    }
}

/// The hub as the sync leader sees it.
package struct HubStatus: Codable, Hashable, Sendable {
    package var url: String
    package var branch: String
    /// `fence-ref` or `branch-alone`.
    package var fencing: String
    /// `unknown`, `current`, `behind`, `news`, `away`, `stale-token`, `rewritten`, `fence-gone`, `other-mesh`.
    package var state: String
    package var rounds_behind: UInt32
    package var head: String?
    package var token: String?
    package var why: String?

    package init(
        url: String, branch: String, fencing: String, state: String, rounds_behind: UInt32, head: String? = nil,
        token: String? = nil, why: String? = nil
    ) {
        self.url = url
        self.branch = branch
        self.fencing = fencing
        self.state = state
        self.rounds_behind = rounds_behind
        self.head = head
        self.token = token
        self.why = why
    }
}

/// What a hub can do, tried out from one device.
package struct HubProbeReport: Codable, Hashable, Sendable {
    package var atomic_push: Bool
    package var own_refs: Bool
    package var read_back: Bool
    /// `empty`, `same`, `behind`, `ahead`, `diverged`, `unrelated`: the hub's branch against what was published.
    package var relation: String
    package var head: String?
    /// What the hub said of the first try that it refused.
    package var refusal: String?
    /// What the user's own git would use instead of the URL.
    package var rewritten: String?

    package init(
        atomic_push: Bool, own_refs: Bool, read_back: Bool, relation: String, head: String? = nil,
        refusal: String? = nil, rewritten: String? = nil
    ) {
        self.atomic_push = atomic_push
        self.own_refs = own_refs
        self.read_back = read_back
        self.relation = relation
        self.head = head
        self.refusal = refusal
        self.rewritten = rewritten
    }
}
