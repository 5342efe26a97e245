//! The forms of the tokens of providers. The page above a form is where the provider tells of the token.
//!
//! Not every page gives the length and the characters. Where one does not, the form is that of the tokens the provider
//! gives out, with a length that leaves some room.

use crate::form::Part::{Run, Text};
use crate::form::{ALNUM, BASE64, DIGIT, Form, HEX, LOWER, OPEN, Set, UPPER, WORD, form};

/// Base64 for URLs, and the dots between the parts of a token.
const DOTTED: Set = WORD.and(".");

/// Letters of a base64 text in a URL, where `+`, `/` and `=` are escaped.
const ESCAPED: Set = ALNUM.and("%+/=");

/// The forms of all providers. Of two with one start, the first that fits counts.
pub(crate) const PROVIDERS: &[Form] = &[
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    form("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], &[Run(UPPER, 16, 16)]),
    // https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-how.html
    form("an AWS Bedrock key", &["ABSK"], &[Run(BASE64, 90, OPEN)]),
    form("an AWS Bedrock key", &["bedrock-api-key-"], &[Run(BASE64, 60, OPEN)]),
    // https://cloud.google.com/docs/authentication/api-keys
    form("a Google API key", &["AIza"], &[Run(WORD, 35, 35)]),
    form("a Google API key", &["AQ.Ab"], &[Run(WORD, 40, OPEN)]),
    // https://developers.google.com/identity/protocols/oauth2
    form("a Google client secret", &["GOCSPX-"], &[Run(WORD, 28, 28)]),
    form("a Google access token", &["ya29."], &[Run(DOTTED, 40, OPEN)]),
    form("a Google refresh token", &["1//0"], &[Run(WORD, 40, OPEN)]),
    // https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    form("an Azure storage key", &["AccountKey="], &[Run(BASE64, 86, 88)]),
    // https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas
    form("an Azure access key", &["SharedAccessKey="], &[Run(BASE64, 40, OPEN)]),
    // https://learn.microsoft.com/azure/storage/common/storage-sas-overview
    form("an Azure shared access signature", &["sig="], &[Run(ESCAPED, 43, OPEN)]),
    // https://learn.microsoft.com/purview/sit-defn-azure-ad-client-secret
    form("a Microsoft Entra client secret", &["Q~"], &[Run(DOTTED.and("~"), 31, 34)]).after(
        DOTTED.and("~"),
        4,
        4,
    ),
    // https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
    form("an Azure DevOps token", &["AZDO"], &[Run(ALNUM, 4, 4)]).after(ALNUM, 76, 76),
    // https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    form("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], &[Run(ALNUM, 36, 251)]),
    form("a GitHub token", &["ghs_"], &[Run(DIGIT, 1, 20), Text("_eyJ"), Run(DOTTED, 40, OPEN)]),
    form("a GitHub token", &["github_pat_"], &[Run(ALNUM.and("_"), 82, 251)]),
    // https://docs.gitlab.com/security/tokens/#token-prefixes
    form(
        "a GitLab token",
        &[
            "glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-",
            "glagent-", "glwt-",
        ],
        &[Run(DOTTED, 20, 300)],
    ),
    form("a GitLab token", &["glsoat-", "glffct-"], &[Run(DOTTED, 20, 300)]),
    form("a GitLab token", &["GR1348941"], &[Run(WORD, 20, 20)]),
    form("a GitLab session", &["_gitlab_session="], &[Run(LOWER, 32, 32)]),
    // https://docs.slack.dev/authentication/tokens
    form(
        "a Slack token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-"],
        &[Run(DIGIT, 1, 16), Text("-"), Run(WORD, 18, OPEN)],
    ),
    form(
        "a Slack token",
        &["xoxe-", "xoxe.xoxb-", "xoxe.xoxp-", "xapp-"],
        &[Run(DIGIT, 1, 1), Text("-"), Run(WORD, 40, OPEN)],
    ),
    form("a Slack token", &["xoxc-", "xoxd-"], &[Run(WORD.and("%"), 40, OPEN)]),
    // https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    form(
        "a Slack webhook",
        &["hooks.slack.com/services/T"],
        &[Run(UPPER, 8, 12), Text("/B"), Run(UPPER, 8, 12), Text("/"), Run(ALNUM, 23, 25)],
    ),
    form(
        "a Slack webhook",
        &["hooks.slack.com/workflows/", "hooks.slack.com/triggers/"],
        &[Run(ALNUM.and("/"), 43, OPEN)],
    ),
    // https://docs.stripe.com/keys
    form(
        "a Stripe key",
        &["sk_live_", "rk_live_", "sk_test_", "rk_test_", "sk_org_"],
        &[Run(ALNUM, 24, 250)],
    ),
    // https://docs.stripe.com/webhooks/signature and https://github.com/standard-webhooks/standard-webhooks
    form("a webhook secret", &["whsec_"], &[Run(BASE64, 32, OPEN)]),
    // https://platform.openai.com/docs/api-reference/authentication
    form("an OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], &[Run(WORD, 40, OPEN)]),
    // https://docs.claude.com/en/api/overview
    form("an Anthropic key", &["sk-ant-"], &[Run(WORD, 80, OPEN)]),
    // https://openrouter.ai/docs/api-reference/authentication
    form("an OpenRouter key", &["sk-or-v1-"], &[Run(HEX, 64, 64)]),
    // OpenAI's first form, and that of the services that speak its protocol.
    form("an API key", &["sk-"], &[Run(ALNUM, 32, 64)]),
    // https://huggingface.co/docs/hub/security-tokens
    form("a Hugging Face token", &["hf_", "api_org_"], &[Run(ALNUM, 34, 40)]),
    // https://console.groq.com/docs/quickstart
    form("a Groq key", &["gsk_"], &[Run(ALNUM, 48, 64)]),
    // https://docs.x.ai/docs/overview
    form("an xAI key", &["xai-"], &[Run(ALNUM, 70, OPEN)]),
    // https://docs.nvidia.com/nim/large-language-models/latest/getting-started.html
    form("an NVIDIA key", &["nvapi-"], &[Run(WORD, 60, 72)]),
    // https://docs.tavily.com/documentation/quickstart
    form("a Tavily key", &["tvly-", "tvly-dev-", "tvly-prod-"], &[Run(ALNUM, 28, 48)]),
    // https://docs.perplexity.ai/guides/api-key-management
    form("a Perplexity key", &["pplx-"], &[Run(ALNUM, 40, 64)]),
    // https://replicate.com/docs/topics/security/api-tokens
    form("a Replicate token", &["r8_"], &[Run(ALNUM, 37, 37)]),
    // https://elevenlabs.io/docs/api-reference/authentication
    form("an ElevenLabs key", &["sk_"], &[Run(HEX, 48, 48)]),
    // https://docs.pinecone.io/guides/projects/manage-api-keys
    form("a Pinecone key", &["pcsk_"], &[Run(ALNUM.and("_"), 60, OPEN)]),
    // https://docs.smith.langchain.com/administration/how_to_guides/organization_management/create_account_api_key
    form(
        "a LangSmith key",
        &["lsv2_pt_", "lsv2_sk_"],
        &[Run(HEX, 32, 32), Text("_"), Run(HEX, 10, 10)],
    ),
    // https://docs.npmjs.com/about-access-tokens
    form("an npm token", &["npm_"], &[Run(ALNUM, 36, 36)]),
    form(
        "an npm token",
        &["_authToken="],
        &[Run(HEX, 8, 8), Text("-"), Run(HEX, 4, 4), Text("-"), Run(HEX.and("-"), 22, 22)],
    ),
    // https://pypi.org/help/#apitoken
    form("a PyPI token", &["pypi-Ag"], &[Run(WORD, 60, OPEN)]),
    // https://github.com/rust-lang/crates.io/blob/main/crates/crates_io_database/src/utils/token.rs
    form("a crates.io token", &["cio"], &[Run(ALNUM, 32, 32)]),
    // https://guides.rubygems.org/api-key-scopes
    form("a RubyGems key", &["rubygems_"], &[Run(HEX, 48, 48)]),
    // https://learn.microsoft.com/nuget/nuget-org/scoped-api-keys
    form("a NuGet key", &["oy2"], &[Run(LOWER, 43, 43)]),
    // https://github.com/clojars/clojars-web/wiki/Deploy-Tokens
    form("a Clojars token", &["CLOJARS_"], &[Run(ALNUM, 60, 60)]),
    // https://docs.docker.com/security/access-tokens
    form("a Docker token", &["dckr_pat_", "dckr_oat_"], &[Run(WORD, 27, 40)]),
    // https://docs.digitalocean.com/reference/api/create-personal-access-token
    form("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], &[Run(HEX, 64, 64)]),
    // https://developers.cloudflare.com/fundamentals/api/get-started/token-formats
    form("a Cloudflare token", &["cfk_", "cfut_", "cfat_"], &[Run(WORD, 40, 64)]),
    // https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys
    form("a Cloudflare key", &["v1.0-"], &[Run(HEX, 24, 24), Text("-"), Run(HEX, 146, 146)]),
    // https://www.twilio.com/docs/iam/api-keys
    form("a Twilio key", &["SK"], &[Run(HEX, 32, 32)]),
    // https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
    form("a SendGrid key", &["SG."], &[Run(WORD, 22, 22), Text("."), Run(WORD, 43, 43)]),
    // https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth
    form("a Mailgun key", &["key-"], &[Run(HEX, 32, 32)]),
    // https://mailchimp.com/developer/marketing/docs/fundamentals
    form("a Mailchimp key", &["-us"], &[Run(DIGIT, 1, 2)]).after(HEX, 32, 32),
    // https://developers.brevo.com/docs/getting-started
    form("a Brevo key", &["xkeysib-"], &[Run(HEX, 64, 64), Text("-"), Run(ALNUM, 16, 16)]),
    // https://resend.com/docs/api-reference/introduction
    form("a Resend key", &["re_"], &[Run(ALNUM, 8, 8), Text("_"), Run(ALNUM, 20, 28)]),
    // https://core.telegram.org/bots/features#botfather
    form("a Telegram bot token", &[":AA"], &[Run(WORD, 33, 33)]).after(DIGIT, 8, 10),
    // https://discord.com/developers/docs/reference#authentication: the first part is the bot's number in base64.
    form(
        "a Discord bot token",
        &["MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"],
        &[Run(WORD, 21, 26), Text("."), Run(WORD, 6, 6), Text("."), Run(WORD, 25, 40)],
    ),
    // https://discord.com/developers/docs/resources/webhook
    form(
        "a Discord webhook",
        &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        &[Run(DIGIT, 17, 20), Text("/"), Run(WORD, 60, 72)],
    ),
    form(
        "a Discord webhook",
        &["discord.com/api/v"],
        &[Run(DIGIT, 1, 2), Text("/webhooks/"), Run(DIGIT, 17, 20), Text("/"), Run(WORD, 60, 72)],
    ),
    // https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
    form(
        "a Teams webhook",
        &["webhook.office.com/webhookb2/"],
        &[Run(ALNUM.and("-@/"), 100, OPEN)],
    ),
    // https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens
    form(
        "a Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_", "shpua_"],
        &[Run(HEX.and("ABCDEF"), 32, 32)],
    ),
    // https://developer.squareup.com/docs/build-basics/access-tokens
    form("a Square token", &["sq0atp-"], &[Run(WORD, 22, 22)]),
    form("a Square secret", &["sq0csp-"], &[Run(WORD, 43, 43)]),
    form("a Square token", &["EAAA"], &[Run(WORD, 60, 60)]),
    // https://developer.paypal.com/braintree/docs/guides/authorization/access-token
    form(
        "a Braintree token",
        &["access_token$production$", "access_token$sandbox$"],
        &[Run(LOWER, 16, 16), Text("$"), Run(HEX, 32, 32)],
    ),
    // https://devcenter.heroku.com/articles/authentication
    form("a Heroku key", &["HRKU-"], &[Run(WORD, 36, 64)]),
    // https://linear.app/developers/graphql
    form("a Linear key", &["lin_api_", "lin_oauth_"], &[Run(ALNUM, 40, 64)]),
    // https://developers.notion.com/reference/authentication
    form("a Notion token", &["ntn_"], &[Run(ALNUM, 40, 50)]),
    form("a Notion token", &["secret_"], &[Run(ALNUM, 43, 43)]),
    // https://www.figma.com/developers/api#access-tokens
    form("a Figma token", &["figd_", "figu_", "figor_", "figoh_"], &[Run(WORD, 40, 60)]),
    // https://docs.databricks.com/dev-tools/auth/pat.html
    form("a Databricks token", &["dapi"], &[Run(HEX, 32, 32)]),
    // https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
    form("a Vault token", &["hvs.", "hvb.", "hvr."], &[Run(WORD, 24, OPEN)]),
    // https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
    form("a Terraform token", &[".atlasv1."], &[Run(WORD, 60, 70)]).after(ALNUM, 14, 14),
    // https://docs.doppler.com/reference/auth-token-formats
    form(
        "a Doppler token",
        &["dp.pt.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit.", "dp.said."],
        &[Run(ALNUM, 40, 44)],
    ),
    form("a Doppler token", &["dp.st."], &[Run(ALNUM, 40, 44)]),
    form("a Doppler token", &["dp.st."], &[Run(WORD, 2, 35), Text("."), Run(ALNUM, 40, 44)]),
    // https://grafana.com/docs/grafana/latest/administration/service-accounts
    form("a Grafana token", &["glsa_"], &[Run(ALNUM, 32, 32), Text("_"), Run(HEX, 8, 8)]),
    // https://grafana.com/docs/grafana-cloud/account-management/authentication-and-permissions/access-policies
    form("a Grafana token", &["glc_"], &[Run(BASE64, 32, OPEN)]),
    form("a Grafana key", &["eyJrIjoi"], &[Run(BASE64, 60, OPEN)]),
    // https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
    form("a New Relic key", &["NRAK-"], &[Run(UPPER, 27, 27)]),
    form("a New Relic key", &["FFFFNRAL"], &[]).after(HEX, 32, 32),
    // https://posthog.com/docs/api#authentication
    form("a PostHog key", &["phx_"], &[Run(ALNUM, 40, 60)]),
    // https://docs.sentry.io/account/auth-tokens
    form("a Sentry token", &["sntrys_"], &[Run(BASE64.and("_-"), 80, OPEN)]),
    form("a Sentry token", &["sntryu_", "sntrya_"], &[Run(HEX, 64, 64)]),
    // https://planetscale.com/docs/api/reference/service-tokens
    form(
        "a PlanetScale token",
        &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"],
        &[Run(DOTTED.and("="), 32, 64)],
    ),
    // https://supabase.com/docs/guides/api/api-keys
    form("a Supabase token", &["sbp_"], &[Run(HEX, 40, 40)]),
    form("a Supabase key", &["sb_secret_"], &[Run(WORD, 30, 48)]),
    // https://fly.io/docs/security/tokens
    form("a Fly.io token", &["fo1_"], &[Run(WORD, 43, 43)]),
    form("a Fly.io token", &["fm1r_", "fm1a_", "fm2_"], &[Run(BASE64, 100, OPEN)]),
    // https://vercel.com/docs/rest-api#authentication
    form("a Vercel token", &["vcp_", "vci_", "vca_", "vcr_", "vck_"], &[Run(ALNUM, 24, 80)]),
    form("a Vercel token", &["vercel_blob_rw_"], &[Run(ALNUM.and("_"), 30, OPEN)]),
    // https://api-docs.render.com/reference/authentication
    form("a Render key", &["rnd_"], &[Run(ALNUM, 20, 64)]),
    // https://docs.netlify.com/api/get-started
    form("a Netlify token", &["nfp_", "nfc_", "nfo_", "nfb_", "nfu_"], &[Run(ALNUM, 36, 44)]),
    // https://neon.com/docs/manage/api-keys
    form("a Neon key", &["napi_"], &[Run(LOWER, 60, 70)]),
    // https://learning.postman.com/docs/developer/postman-api/authentication
    form("a Postman key", &["PMAK-"], &[Run(HEX, 24, 24), Text("-"), Run(HEX, 34, 34)]),
    // https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account
    form("an Atlassian token", &["ATATT3", "ATCTT3"], &[Run(WORD.and("="), 100, OPEN)]),
    form("an Atlassian token", &["ATBB"], &[Run(ALNUM, 32, 32)]),
    // https://developers.asana.com/docs/personal-access-token
    form("an Asana token", &["0/", "1/"], &[Run(DIGIT, 13, 20), Text(":"), Run(HEX, 32, 32)]),
    form(
        "an Asana token",
        &["2/"],
        &[Run(DIGIT, 13, 20), Text("/"), Run(DIGIT, 13, 20), Text(":"), Run(HEX, 32, 32)],
    ),
    // https://developers.dropbox.com/oauth-guide
    form("a Dropbox token", &["sl."], &[Run(DOTTED, 100, OPEN)]),
    // https://developers.facebook.com/docs/facebook-login/guides/access-tokens
    form("a Facebook token", &["EAA"], &[Run(ALNUM, 90, OPEN)]),
    // https://docs.x.com/fundamentals/authentication/oauth-2-0/bearer-tokens
    form(
        "an X bearer token",
        &["AAAAAAAAAAAAAAAAAAAAA"],
        &[Run(ALNUM, 5, 40), Text("%"), Run(ALNUM.and("%"), 30, OPEN)],
    ),
    // https://airtable.com/developers/web/guides/personal-access-tokens
    form("an Airtable token", &["pat"], &[Run(ALNUM, 14, 14), Text("."), Run(HEX, 64, 64)]),
    // https://developer.1password.com/docs/service-accounts
    form("a 1Password token", &["ops_eyJ"], &[Run(BASE64.and("-_"), 200, OPEN)]),
    // https://support.1password.com/secret-key-security
    form(
        "a 1Password secret key",
        &["A3-"],
        &[
            Run(UPPER, 6, 6),
            Text("-"),
            Run(UPPER, 6, 6),
            Text("-"),
            Run(UPPER, 5, 5),
            Text("-"),
            Run(UPPER, 5, 5),
        ],
    ),
    form(
        "a 1Password secret key",
        &["A3-"],
        &[
            Run(UPPER, 6, 6),
            Text("-"),
            Run(UPPER, 11, 11),
            Text("-"),
            Run(UPPER, 5, 5),
            Text("-"),
            Run(UPPER, 5, 5),
        ],
    ),
    // https://tailscale.com/kb/1085/auth-keys
    form("a Tailscale key", &["tskey-"], &[Run(WORD, 30, 100)]),
    // https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens
    form("a Pulumi token", &["pul-"], &[Run(HEX, 40, 40)]),
    // https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens
    form(
        "a Dynatrace token",
        &["dt0c01.", "dt0s01."],
        &[Run(UPPER, 24, 24), Text("."), Run(UPPER, 64, 64)],
    ),
    // https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens
    form("a SonarQube token", &["squ_", "sqp_", "sqa_"], &[Run(HEX, 40, 40)]),
    // https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens
    form("an Artifactory key", &["AKCp"], &[Run(ALNUM, 69, 69)]),
    form("an Artifactory token", &["cmVmd"], &[Run(ALNUM, 59, 59)]),
    // https://docs.redhat.com/en/documentation/openshift_container_platform/latest/html/authentication_and_authorization
    form("an OpenShift token", &["sha256~"], &[Run(WORD, 43, 43)]),
    // https://buildkite.com/docs/apis/managing-api-tokens
    form("a Buildkite token", &["bkua_"], &[Run(HEX, 40, 40)]),
    // https://circleci.com/docs/managing-api-tokens
    form("a CircleCI token", &["CCIPAT_"], &[Run(ALNUM, 22, 22), Text("_"), Run(HEX, 40, 40)]),
    // https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token
    form("a Sourcegraph token", &["sgp_"], &[Run(HEX, 16, 16), Text("_"), Run(HEX, 40, 40)]),
    form("a Sourcegraph token", &["sgp_"], &[Run(HEX, 40, 40)]),
    form("a Sourcegraph token", &["sgp_local_"], &[Run(HEX, 40, 40)]),
    // https://docs.prefect.io/v3/how-to-guides/cloud/manage-users/api-keys
    form("a Prefect key", &["pnu_"], &[Run(ALNUM, 36, 36)]),
    // https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys
    form(
        "a Harness token",
        &["pat.", "sat."],
        &[Run(WORD, 22, 22), Text("."), Run(ALNUM, 24, 24), Text("."), Run(ALNUM, 20, 20)],
    ),
    // https://www.contentful.com/developers/docs/references/authentication
    form("a Contentful token", &["CFPAT-"], &[Run(WORD, 43, 43)]),
    // https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key
    form("an Octopus Deploy key", &["API-"], &[Run(UPPER, 25, 34)]),
    // https://docs.easypost.com/docs/authentication
    form("an EasyPost key", &["EZAK", "EZTK"], &[Run(ALNUM, 54, 54)]),
    // https://docs.readme.com/main/reference/intro/authentication
    form("a ReadMe key", &["rdme_"], &[Run(LOWER, 70, 70)]),
    // https://docs.goshippo.com/docs/guides_general/authentication
    form("a Shippo key", &["shippo_live_", "shippo_test_"], &[Run(HEX, 40, 40)]),
    // https://www.infracost.io/docs/infracost_cloud/api_keys
    form("an Infracost key", &["ico-"], &[Run(ALNUM, 32, 32)]),
    // https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair
    form("an Alibaba Cloud access key", &["LTAI"], &[Run(ALNUM, 20, 20)]),
    // https://plaid.com/docs/api/items
    form(
        "a Plaid token",
        &["access-production-", "access-sandbox-", "access-development-"],
        &[Run(HEX, 8, 8), Text("-"), Run(HEX, 4, 4), Text("-"), Run(HEX.and("-"), 22, 22)],
    ),
    // https://duffel.com/docs/api/overview/making-requests
    form("a Duffel token", &["duffel_test_", "duffel_live_"], &[Run(WORD.and("="), 43, 43)]),
    // https://developer.flutterwave.com/docs/authentication
    form("a Flutterwave key", &["FLWSECK-", "FLWSECK_TEST-"], &[Run(LOWER, 32, 32), Text("-X")]),
    // https://clickhouse.com/docs/cloud/manage/openapi
    form("a ClickHouse Cloud key", &["4b1d"], &[Run(ALNUM, 38, 38)]),
    // https://www.rfc-editor.org/rfc/rfc7519: a header and a payload are each the base64 of a JSON object.
    form(
        "a JSON web token",
        &["eyJ"],
        &[Run(WORD, 10, OPEN), Text(".eyJ"), Run(WORD, 10, OPEN), Text("."), Run(WORD, 10, OPEN)],
    ),
    // The base64 of a JSON web token whose header begins with its algorithm, as in the secrets of Kubernetes.
    form("a JSON web token", &["ZXlKaGJHY2lPaU"], &[Run(BASE64, 60, OPEN)]),
];
