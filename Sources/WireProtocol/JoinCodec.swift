import DeviceCore
import Foundation
import Primitives
import SwiftProtobuf

/// The first and only message of a device that joins, over TLS: its certificate says who it is, the secret why.
package struct JoinRequest: Hashable, Sendable {
    /// The invite's secret, 16 bytes.
    package var secret: [UInt8]
    package var name: String
    /// Where the device can be reached, `host:port`.
    package var addresses: [String]

    package init(secret: [UInt8], name: String, addresses: [String]) {
        self.secret = secret
        self.name = name
        self.addresses = addresses
    }
}

package enum JoinReply: Hashable, Sendable {
    case refused(JoinRefusalCode, String)
    case accepted(JoinAccepted)
}

package enum JoinRefusalCode: Hashable, Sendable, CaseIterable {
    case other, version, secret, used, expired, removed, full, nameTaken, noQuorum
}

/// Everything that a new device needs to start as a learner.
package struct JoinAccepted: Hashable, Sendable {
    package var mesh: MeshID
    /// The workspace's name.
    package var name: String
    package var profile: MeshProfile
    package var epoch: Epoch
    package var devices: [DeviceRecord]
    package var inviter: DeviceID
    /// The branch that is kept in step.
    package var branch: String

    package init(
        mesh: MeshID, name: String, profile: MeshProfile, epoch: Epoch, devices: [DeviceRecord], inviter: DeviceID,
        branch: String
    ) {
        self.mesh = mesh
        self.name = name
        self.profile = profile
        self.epoch = epoch
        self.devices = devices
        self.inviter = inviter
        self.branch = branch
    }
}

/// Which `TimingProfile` a mesh was founded with.
package enum MeshProfile: String, Hashable, Sendable, CaseIterable {
    case lan, wan

    package var timing: TimingProfile {
        switch self {
        case .lan: .lan
        case .wan: .wan
        }
    }
}

/// Joining messages <-> bytes. A stranger's is at most `Limits.joinRequestBytes` long.
package enum JoinCodec {
    package static func encode(_ request: JoinRequest) throws(WireError) -> [UInt8] {
        try Proto.encode(
            WireJoinRequest.with {
                $0.version = protocolVersion
                $0.secret = Data(request.secret)
                $0.name = request.name
                $0.addresses = request.addresses
            }, limit: Limits.joinRequestBytes)
    }

    package static func decodeRequest(_ bytes: [UInt8]) throws(WireError) -> JoinRequest {
        let wire: WireJoinRequest = try Proto.decode(bytes, limit: Limits.joinRequestBytes)
        try Proto.checkVersion(wire.version)
        guard wire.secret.count == 16 else {
            throw .invalid(field: "secret", "has \(wire.secret.count) bytes instead of 16")
        }
        return JoinRequest(
            secret: Array(wire.secret), name: try DeviceRecord.name(wire.name),
            addresses: try DeviceRecord.addresses(wire.addresses))
    }

    package static func encode(_ reply: JoinReply) throws(WireError) -> [UInt8] {
        try Proto.encode(
            WireJoinReply.with {
                $0.version = protocolVersion
                switch reply {
                case .refused(let code, let text):
                    $0.refused = .with {
                        $0.code = code.wire
                        $0.text = Write.sentence(text)
                    }
                case .accepted(let accepted): $0.accepted = accepted.wire
                }
            }, limit: Limits.joinReplyBytes)
    }

    package static func decodeReply(_ bytes: [UInt8]) throws(WireError) -> JoinReply {
        let wire: WireJoinReply = try Proto.decode(bytes, limit: Limits.joinReplyBytes)
        // A refusal is read whatever its version: it may be about the version.
        if case .refused(let refusal) = wire.reply {
            return .refused(JoinRefusalCode(refusal.code), try Read.sentence(refusal.text, "refusal"))
        }
        try Proto.checkVersion(wire.version)
        guard case .accepted(let accepted) = wire.reply else { throw .unsupported("reply") }
        return .accepted(try JoinAccepted(accepted))
    }
}

extension JoinRefusalCode {
    var wire: WireJoinRefusalCode {
        switch self {
        case .other: .other
        case .version: .version
        case .secret: .secret
        case .used: .used
        case .expired: .expired
        case .removed: .removed
        case .full: .full
        case .nameTaken: .nameTaken
        case .noQuorum: .noQuorum
        }
    }

    init(_ wire: WireJoinRefusalCode) {
        switch wire {
        case .other, .UNRECOGNIZED: self = .other
        case .version: self = .version
        case .secret: self = .secret
        case .used: self = .used
        case .expired: self = .expired
        case .removed: self = .removed
        case .full: self = .full
        case .nameTaken: self = .nameTaken
        case .noQuorum: self = .noQuorum
        }
    }
}

extension JoinAccepted {
    var wire: WireJoinAccepted {
        WireJoinAccepted.with {
            $0.mesh = Data(mesh.digest.bytes)
            $0.name = name
            $0.profile = profile == .lan ? .lan : .wan
            $0.epoch = epoch.number
            $0.epochDraw = epoch.draw
            $0.devices = devices.map(\.wire)
            $0.inviter = Write.device(inviter)
            $0.branch = branch
        }
    }

    init(_ wire: WireJoinAccepted) throws(WireError) {
        let profile: MeshProfile
        switch wire.profile {
        case .lan: profile = .lan
        case .wan: profile = .wan
        case .unknown, .UNRECOGNIZED: throw .unsupported("timing profile")
        }
        try Read.limit(wire.devices.count, Limits.devices, "devices")
        self.init(
            mesh: MeshID(try Read.digest(wire.mesh, "mesh")),
            name: try Read.text(wire.name, 1...Limits.workspaceNameBytes, "workspace's name"), profile: profile,
            epoch: try Epoch(wire.epoch, draw: wire.epochDraw, "epoch"),
            devices: try wire.devices.map { (record) throws(WireError) in try DeviceRecord(record) },
            inviter: try Read.device(wire.inviter, "inviter"),
            branch: try Read.text(wire.branch, 1...Limits.branchBytes, "branch"))
    }
}
