import DeviceCore
import Primitives

extension AuditTrail {
    /// What people were asked, and what they answered.
    func note(_ event: ReviewEvent) {
        switch event {
        case .resolved(let conflict, let choice, let device):
            add(
                "resolved", "conflict \(conflict.number) resolved by \(name(of: device)): \(words(choice))",
                details: [
                    "conflict": conflict.id.hex, "revision": conflict.revision.hex, "round": "\(conflict.round)",
                    "by": device.description,
                ])
        case .braked(let brake):
            add(
                "deletions-held",
                "\(brake.deleted) of \(brake.files) files gone \(place(brake)): not passed on before somebody says so",
                details: ["deletions": brake.id.hex])
        case .lifted(let brake):
            add(
                "deletions-settled", "no question about deletions \(place(brake)) any more",
                details: ["deletions": brake.id.hex])
        case .allowed(let brake, let device):
            add(
                "deletions-allowed",
                "\(name(of: device)) says that \(brake.deleted) files were meant to go \(place(brake))",
                details: ["deletions": brake.id.hex, "by": device.description])
        }
    }

    private func place(_ brake: DeletionBrake) -> String {
        brake.ofRound ? "in a round of \(name(of: brake.device))" : "on \(name(of: brake.device))"
    }

    private func words(_ choice: ResolutionChoice) -> String {
        switch choice {
        case .device(let device): "the version of \(name(of: device))"
        case .both: "both versions"
        case .content: "other bytes"
        }
    }
}
