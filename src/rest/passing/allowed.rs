//! The routes that are passed on, and where each names its session. What is not listed here goes nowhere: above all
//! nothing of the server as a whole, of its keys and apps, or of how its sessions are set, which have our webhooks.
//!
//! Held against the methods and paths of waha-py 2026.9.2, which is generated from WAHA's OpenAPI document of that
//! release, and against WAHA's public controllers, in November 2026: of the routes that name a session all are here but
//! those that wagroups answers itself (groups, hidden ids, sessions, codes to scan), passkeys, which belong to linking,
//! and what is of apps or of debugging.

use http::Method;

/// Where a route names its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `{session}` in the path.
    Path,
    /// `session=` in the query.
    Query,
    /// `session` in a JSON body.
    Body,
}

#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    pub method: &'static Method,
    pub path: &'static str,
    pub place: Place,
    /// What the document calls it.
    pub id: &'static str,
}

macro_rules! allowed {
    ($($place:ident { $($method:ident $path:literal $id:literal)+ })+) => {
        &[$($(Allowed { method: &Method::$method, path: $path, place: Place::$place, id: $id },)+)+]
    };
}

pub const ALLOWED: &[Allowed] = allowed! {
    Body {
        POST "/api/sendText" "sendText"
        POST "/api/sendImage" "sendImage"
        POST "/api/sendFile" "sendFile"
        POST "/api/sendVoice" "sendVoice"
        POST "/api/sendVideo" "sendVideo"
        POST "/api/sendSticker" "sendSticker"
        POST "/api/send/link-custom-preview" "sendLinkCustomPreview"
        POST "/api/sendLinkPreview" "sendLinkPreview"
        POST "/api/sendButtons" "sendButtons"
        POST "/api/send/buttons/reply" "sendButtonsReply"
        POST "/api/sendList" "sendList"
        POST "/api/sendPoll" "sendPoll"
        POST "/api/sendPollVote" "sendPollVote"
        POST "/api/sendLocation" "sendLocation"
        POST "/api/sendContactVcard" "sendContactVcard"
        POST "/api/forwardMessage" "forwardMessage"
        POST "/api/reply" "reply"
        POST "/api/sendSeen" "sendSeen"
        POST "/api/startTyping" "startTyping"
        POST "/api/stopTyping" "stopTyping"
        PUT "/api/reaction" "setReaction"
        PUT "/api/star" "setStar"
        POST "/api/contacts/block" "blockContact"
        POST "/api/contacts/unblock" "unblockContact"
    }
    Query {
        GET "/api/sendText" "sendTextByQuery"
        GET "/api/messages" "listMessages"
        GET "/api/checkNumberStatus" "checkNumberStatus"
        GET "/api/contacts" "getContact"
        GET "/api/contacts/all" "listContacts"
        GET "/api/contacts/check-exists" "checkContactExists"
        GET "/api/contacts/about" "getContactAbout"
        GET "/api/contacts/profile-picture" "getContactPicture"
        GET "/api/screenshot" "getScreenshot"
    }
    Path {
        GET "/api/{session}/contacts/{chatId}" "getContactOfSession"
        PUT "/api/{session}/contacts/{chatId}" "updateContact"
        POST "/api/{session}/calls/reject" "rejectCall"
        GET "/api/{session}/new-message-id" "getNewMessageId"
        GET "/api/sessions/{session}/timelock" "getTimelock"
        GET "/api/sessions/{session}/capping" "getCapping"
        GET "/api/{session}/chats" "listChats"
        GET "/api/{session}/chats/overview" "listChatsOverview"
        POST "/api/{session}/chats/overview" "listChatsOverviewByBody"
        DELETE "/api/{session}/chats/{chatId}" "deleteChat"
        GET "/api/{session}/chats/{chatId}/picture" "getChatPicture"
        POST "/api/{session}/chats/{chatId}/archive" "archiveChat"
        POST "/api/{session}/chats/{chatId}/unarchive" "unarchiveChat"
        POST "/api/{session}/chats/{chatId}/unread" "markChatUnread"
        GET "/api/{session}/chats/{chatId}/messages" "listChatMessages"
        DELETE "/api/{session}/chats/{chatId}/messages" "clearChatMessages"
        POST "/api/{session}/chats/{chatId}/messages/read" "readChatMessages"
        GET "/api/{session}/chats/{chatId}/messages/{messageId}" "getChatMessage"
        PUT "/api/{session}/chats/{chatId}/messages/{messageId}" "editChatMessage"
        DELETE "/api/{session}/chats/{chatId}/messages/{messageId}" "deleteChatMessage"
        POST "/api/{session}/chats/{chatId}/messages/{messageId}/pin" "pinChatMessage"
        POST "/api/{session}/chats/{chatId}/messages/{messageId}/unpin" "unpinChatMessage"
        GET "/api/{session}/presence" "listPresences"
        POST "/api/{session}/presence" "setPresence"
        GET "/api/{session}/presence/{chatId}" "getPresence"
        POST "/api/{session}/presence/{chatId}/subscribe" "subscribePresence"
        POST "/api/{session}/status/text" "sendTextStatus"
        POST "/api/{session}/status/image" "sendImageStatus"
        POST "/api/{session}/status/voice" "sendVoiceStatus"
        POST "/api/{session}/status/video" "sendVideoStatus"
        POST "/api/{session}/status/delete" "deleteStatus"
        GET "/api/{session}/status/new-message-id" "getNewStatusId"
        GET "/api/{session}/labels" "listLabels"
        POST "/api/{session}/labels" "createLabel"
        PUT "/api/{session}/labels/{labelId}" "updateLabel"
        DELETE "/api/{session}/labels/{labelId}" "deleteLabel"
        GET "/api/{session}/labels/{labelId}/chats" "listChatsOfLabel"
        GET "/api/{session}/labels/chats/{chatId}" "listLabelsOfChat"
        PUT "/api/{session}/labels/chats/{chatId}" "setLabelsOfChat"
        GET "/api/{session}/channels" "listChannels"
        POST "/api/{session}/channels" "createChannel"
        GET "/api/{session}/channels/{channelId}" "getChannel"
        DELETE "/api/{session}/channels/{channelId}" "deleteChannel"
        GET "/api/{session}/channels/{channelId}/messages/preview" "previewChannelMessages"
        POST "/api/{session}/channels/{channelId}/follow" "followChannel"
        POST "/api/{session}/channels/{channelId}/unfollow" "unfollowChannel"
        POST "/api/{session}/channels/{channelId}/mute" "muteChannel"
        POST "/api/{session}/channels/{channelId}/unmute" "unmuteChannel"
        POST "/api/{session}/channels/search/by-view" "searchChannelsByView"
        POST "/api/{session}/channels/search/by-text" "searchChannelsByText"
        GET "/api/{session}/channels/search/views" "listChannelViews"
        GET "/api/{session}/channels/search/countries" "listChannelCountries"
        GET "/api/{session}/channels/search/categories" "listChannelCategories"
        GET "/api/{session}/profile" "getProfile"
        PUT "/api/{session}/profile/name" "setProfileName"
        PUT "/api/{session}/profile/status" "setProfileStatus"
        PUT "/api/{session}/profile/picture" "setProfilePicture"
        DELETE "/api/{session}/profile/picture" "deleteProfilePicture"
        POST "/api/{session}/events" "sendEvent"
        POST "/api/{session}/media/convert/voice" "convertVoice"
        POST "/api/{session}/media/convert/video" "convertVideo"
    }
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_of_the_server_as_a_whole_or_of_groups_is_passed_on() {
        for Allowed { path, place, method, .. } in ALLOWED {
            let parts: Vec<&str> = path.split('/').skip(1).collect();
            assert_eq!(parts[0], "api", "{path}");
            let banned =
                ["server", "keys", "apps", "groups", "files", "webhooks", "workers", "auth"];
            assert!(!parts.iter().any(|part| banned.contains(part)), "{path}");
            assert_eq!(parts.contains(&"{session}"), *place == Place::Path, "{path}");
            if parts.contains(&"sessions") {
                // What WhatsApp holds against the account, which is read and says nothing of settings.
                assert!(matches!(parts[3], "timelock" | "capping"), "{path}");
                assert_eq!(*method, Method::GET, "{path}");
            }
        }
    }

    #[test]
    fn each_stands_there_once() {
        let ids: BTreeSet<&str> = ALLOWED.iter().map(|allowed| allowed.id).collect();
        let addresses: BTreeSet<(&str, &str)> =
            ALLOWED.iter().map(|allowed| (allowed.method.as_str(), allowed.path)).collect();
        assert_eq!((ids.len(), addresses.len()), (ALLOWED.len(), ALLOWED.len()));
    }
}
